"""Controlled human trials, and tables of correlations."""

from __future__ import annotations

from pathlib import Path

import pytest

from exocast.errors import NotFound, TableError, UnknownName
from exocast.evidence.correlations import correlations_of, package_correlations
from exocast.evidence.trials import related_trials, trial, trials_of

HEAD = "id_a,id_b,r,system,source,place,grade\n"


def test_the_blinded_vesicle_trial_is_listed_and_null() -> None:
    (found,) = trials_of("msc_ev_natural", "knee_oa")
    assert found.study_id == "placental_ev_oa2024"
    assert found.direction == "null"


def test_no_trial_is_an_answer() -> None:
    assert trials_of("msc_ev_natural", "tendon") == ()


def test_parent_cells_are_told_apart_from_the_product() -> None:
    related = related_trials("msc_ev_natural", "knee_oa")
    assert {t.product_class for t in related} == {"msc_cells"}
    assert related_trials("prp", "knee_oa") == ()


def test_an_unknown_trial_is_offered_the_nearest() -> None:
    with pytest.raises(UnknownName, match="placental_ev_oa2024"):
        trial("placental_ev_oa2023")


def test_package_correlations_are_by_pair_of_keys() -> None:
    pairs = package_correlations()
    assert pairs["covariates.age", "covariates.pain"] == -0.2
    assert all("." in a and "." in b for a, b in pairs)


def test_every_fault_of_a_table_of_correlations_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "correlations.csv"
    path.write_text(
        HEAD + "a.x,a.y,1.4,s,assumption,,E\na.x,a.y,zz,s,assumption,,E\n"
        "a.z,a.z,0.1,s,assumption,,E\na.y,a.x,0.2,s,assumption,,Q\n"
    )
    with pytest.raises(TableError) as caught:
        correlations_of(path)
    message = str(caught.value)
    for words in ("1.4 is not a correlation", "'zz' is not a number", "paired with itself"):
        assert words in message
    assert "stands twice" in message
    assert "grade 'Q'" in message
    with pytest.raises(NotFound):
        correlations_of(tmp_path / "none.csv")
    path.write_text("a,b\n")
    with pytest.raises(TableError, match="columns must be"):
        correlations_of(path)
