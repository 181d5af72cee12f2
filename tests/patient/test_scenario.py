"""Scenarios: what people write is read, or refused on one screen."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exocast.documents import read_mapping
from exocast.errors import ExocastError, InvalidInput, NotFound, UnknownName
from exocast.patient.scenario import EntryCriteria, contradiction, load_scenario, parse_scenario

EXAMPLE = Path(__file__).parents[2] / "examples" / "knee" / "scenario.yaml"


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(folder: Path, old: str, new: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    return written(folder, text.replace(old, new, 1))


def test_the_example_is_read() -> None:
    scenario = load_scenario(EXAMPLE)
    assert scenario.regimen.times_days == (0.0, 28.0, 56.0)
    assert scenario.patient.pain_vas_mm == 65.0
    assert scenario.horizon_days == 364.0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("horizon:", "horizn:", "Did you mean 'horizon'"),
        ("  injections:", "  injection:", "Did you mean 'injections'"),
        ("pain_vas: 65 mm", "pain_vas: 65", "has no unit"),
        ("pain_vas: 65 mm", "pain_vas: 65 kg", "one in mm is needed"),
        ("pain_vas: 65 mm", "pain_vas: 650 mm", "lies outside 1 to 99 mm"),
        ("age: 62 year", "age: 6 year", "lies outside 18 to 110 year"),
        ("kellgren_lawrence: 3", "kellgren_lawrence: 5", "less than or equal to 4"),
        ("arms: [vial, saline]", "arms: [vial]", "always shows the control"),
        ("arms: [vial, saline]", "arms: [vial, salin, saline]", "Did you mean 'saline'"),
        ("schema_version: 1", "schema_version: 2", "schema_version"),
        ("prior: default", "prior: hopeful", "prior"),
        ("worlds: 50", "worlds: 1", "worlds"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_scenario(changed(tmp_path, old, new))
    assert words in str(refused.value)


def test_all_findings_come_together(tmp_path: Path) -> None:
    path = changed(tmp_path, "horizon: 52 week", "horizn: 52 week\nworld: 3")
    with pytest.raises(InvalidInput) as refused:
        load_scenario(path)
    assert "horizn" in str(refused.value)
    assert "world:" in str(refused.value)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_scenario(tmp_path / "none.yaml")


def test_a_scenario_of_ten_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, "# " + "x" * 10_000_000)
    with pytest.raises(InvalidInput, match=r"10\.0 MB is refused"):
        load_scenario(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: !!python/object:os.system 1\n", "tags"),
        ("a: 1\na: 2\n", "duplicate"),
        ("a: [1, 2\n", "not readable YAML"),
        ("- 1\n- 2\n", "a mapping"),
        ("just text\n", "a mapping"),
        ("1: 2\n", "a mapping"),
        ("", "a mapping"),
    ],
)
def test_yaml_tricks_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_mapping(written(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_mapping(path)


def test_a_number_of_yaml_1_2_stays_a_number(tmp_path: Path) -> None:
    assert read_mapping(written(tmp_path, "a: 1e10\nb: NO\n")) == {"a": 1e10, "b": "NO"}


def test_a_change_replaces_one_field() -> None:
    scenario = load_scenario(EXAMPLE, ["regimen.dose=2e10 particle", "worlds=7"])
    assert scenario.regimen.dose == "2e10 particle"
    assert scenario.worlds == 7
    assert scenario.patients == load_scenario(EXAMPLE).patients


@pytest.mark.parametrize("change", ["regimen.dose", "=3", "title.x=3"])
def test_a_change_that_is_none_is_refused(change: str) -> None:
    with pytest.raises((InvalidInput, UnknownName)):
        load_scenario(EXAMPLE, [change])


def test_a_misspelt_change_offers_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'dose'"):
        load_scenario(EXAMPLE, ["regimen.dos=2e10 particle"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("vial=x", "--set vial: a block with fields is needed (file, batch"),
        ("arms=vial", "--set arms: a list in brackets is needed, such as [vial, saline]; 'vial'"),
        ("prior=literatur", "--set prior: 'literatur' is not a value of this field. Did you mean"),
        ("worlds=many", "--set worlds: a whole number is needed; 'many' was found"),
        ("title=3", "--set title: a text (in quotation marks"),
        ("patient={sex: male}", "--set patient: patient.age: this field is missing; write for"),
        ('vial.storage=["x"]', "--set vial.storage: vial.storage, entry 1: a block"),
        ("vial.fil.x=1", "--set vial.fil.x: there is no such field. Did you mean 'file'"),
        ("title.x=3", "--set title.x: 'title' is 'Vesicles"),
        ("title=!!x 3", "--set title, line 1: tags"),
        ("patient.pain_vas='65'", '"65 mm"'),
    ],
)
def test_a_bad_change_is_blamed_on_its_option(change: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_scenario(EXAMPLE, [change])
    assert words in str(refused.value)
    assert "scenario.yaml" not in str(refused.value)


def test_file_and_option_are_each_blamed_for_their_own(tmp_path: Path) -> None:
    path = changed(tmp_path, "sex: female", "sex: woman")
    with pytest.raises(InvalidInput) as refused:
        load_scenario(path, ["prior=x", "worlds=1"], {"prior": "--prior"})
    assert refused.value.where == str(path)
    lines = sorted(line.partition(":")[0] for line in refused.value.message.splitlines())
    assert lines == ["--prior", "--set worlds", "patient.sex"]


def test_a_finding_on_several_fields_names_the_options_it_speaks_of() -> None:
    with pytest.raises(InvalidInput, match=r"\(changed by --set horizon\)") as refused:
        load_scenario(EXAMPLE, ["horizon=2 week", "worlds=3"])
    assert "worlds" not in str(refused.value)


def test_a_healthy_knee_with_a_diseased_patient_is_told() -> None:
    def told(*changes: str) -> str:
        return contradiction(load_scenario(EXAMPLE, changes))

    healthy = "condition=healthy_knee"
    well = ("patient.pain_vas=5 mm", "entry.pain_vas_at_least=0 mm", "patient.kellgren_lawrence=1")
    assert told() == told(healthy, *well) == ""
    both = told(healthy)
    assert "Kellgren-Lawrence grade 3 and pain of 65 mm" in both
    assert "choose the condition that they have" in both
    assert "pain of 65 mm" in told(healthy, "patient.kellgren_lawrence=0")
    assert "grade 2" in told(healthy, *well, "patient.kellgren_lawrence=2")


def test_the_entry_threshold_says_which_reading_it_means() -> None:
    said = EntryCriteria.model_json_schema()["properties"]["pain_vas_at_least"]["description"]
    assert "30 mm" in said and "screening" in said and "patient.pain_vas" in said
    assert "30 mm if that came later" in EXAMPLE.read_text(encoding="utf-8")


def test_a_folder_and_a_misspelt_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="this is a folder"):
        read_mapping(tmp_path)
    written(tmp_path, "a: 1")
    with pytest.raises(NotFound, match=r"Did you mean 'scenario\.yaml'"):
        read_mapping(tmp_path / "scenari.yaml")
    with pytest.raises(NotFound, match="There is no folder"):
        read_mapping(tmp_path / "no" / "scenario.yaml")


def test_a_wrong_byte_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(InvalidInput, match=r"line 2: the byte 0xe9 is not UTF-8"):
        read_mapping(path)


plain = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(st.sampled_from(["patient", "regimen", "vial", "horizon", "arms", "seed"]), plain)
def test_any_value_is_taken_or_refused_in_our_words(field: str, value: object) -> None:
    data = read_mapping(EXAMPLE) | {field: value}
    with contextlib.suppress(ExocastError):
        parse_scenario(data)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_our_words(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.yaml"
        path.write_text(text, encoding="utf-8", errors="replace")
        with contextlib.suppress(ExocastError):
            read_mapping(path)
