"""A result is read lazily, checked, and never guessed at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import synthetic

from exocast.errors import Interrupted, InvalidInput, NotFound, UnknownName
from exocast.study.result import Result, open_result


def test_values_come_back_where_they_were_written(result: Result) -> None:
    pain = result.values("pain_vas")
    assert pain.shape == (3, 30, 8, len(synthetic.TIMES))
    assert result.values("womac_total") == pytest.approx(0.9 * pain)
    assert result.times_days == pytest.approx(synthetic.TIMES)
    assert not np.isnan(pain).any()


def test_row_order_inside_parts_does_not_matter(fresh: Path) -> None:
    import hashlib

    import pyarrow.parquet as pq

    before = open_result(fresh).values("tnf")
    path = fresh / "parts" / "part-00000.parquet"
    table = pq.read_table(path)
    order = np.random.default_rng(0).permutation(table.num_rows)
    pq.write_table(table.take(order), path)
    manifest = json.loads((fresh / "manifest.json").read_text())
    manifest["parts"][0]["blake2b"] = hashlib.blake2b(path.read_bytes()).hexdigest()
    (fresh / "manifest.json").write_text(json.dumps(manifest))
    assert (open_result(fresh).values("tnf") == before).all()


def test_unknown_observable_offers_the_nearest(result: Result) -> None:
    with pytest.raises(UnknownName, match=r"'pain_vsa'.*Did you mean 'pain_vas'"):
        result.values("pain_vsa")


def test_truncated_part_is_refused(fresh: Path) -> None:
    path = fresh / "parts" / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match="truncated or changed") as caught:
        open_result(fresh)
    assert caught.value.where is not None and "part-00001" in caught.value.where


def test_missing_part_is_refused(fresh: Path) -> None:
    (fresh / "parts" / "part-00002.parquet").unlink()
    with pytest.raises(InvalidInput, match="not there"):
        open_result(fresh)


def test_partial_result_is_refused(tmp_path: Path) -> None:
    directory = synthetic.write(tmp_path / "r", worlds=2, patients=1, changes={"status": "partial"})
    with pytest.raises(Interrupted, match="'partial', not complete"):
        open_result(directory)


def test_part_outside_the_directory_is_refused(fresh: Path) -> None:
    manifest = json.loads((fresh / "manifest.json").read_text())
    manifest["parts"][0]["file"] = "../other.parquet"
    (fresh / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidInput, match="outside the result"):
        open_result(fresh)


def test_other_schema_damaged_manifest_and_no_result_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no result here"):
        open_result(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": "exocast/result/1", ')
    with pytest.raises(InvalidInput, match="not readable"):
        open_result(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": "exocast/result/9"}')
    with pytest.raises(InvalidInput, match="exocast/result/9"):
        open_result(tmp_path)


def test_dataset_has_named_dimensions_and_units(result: Result) -> None:
    data = result.to_xarray(["pain_vas"])
    assert data["pain_vas"].dims == ("arm", "world", "patient", "time")
    assert data["pain_vas"].attrs["better"] == "lower"
    assert data["pain_vas"].sel(arm="saline", time=0.0).shape == (30, 8)
