"""What other programs rely on: names, order, types and values of the JSON documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.contract.documents import CASES, GOLDEN, Case
from tests.unit.reports import factories
from vmafx_tune._version import __version__
from vmafx_tune.reports import schemas
from vmafx_tune.reports.generate import build_schema
from vmafx_tune.reports.render import render
from vmafx_tune.reports.saved_ladder import read_ladder

if TYPE_CHECKING:
    from collections.abc import Iterator

SCORE = (
    "schema_version reference distorted model backend pool score pooled features n_frames "
    "tool_version"
)
SEARCH = (
    "schema_version src codec target_vmaf model pool best_crf bitrate_kbps vmaf_score converged "
    "proven encode_command bisect_samples ok error tool_version wall_time_ms"
)
ONE_TARGET = "src target_vmaf tool_version wall_time_ms rows"
SEVERAL_TARGETS = "schema_version src target_vmafs tool_version wall_time_ms rows"
ROW = (
    "codec adapter runtime_variant ffmpeg_bin encoder_version best_crf bitrate_kbps encode_time_ms "
    "vmaf_score target_vmaf ok error bisect_samples"
)
SAMPLE = "crf bitrate_kbps vmaf_score encode_time_ms"
LADDER = (
    "schema_version src encoder target_vmafs resolutions tool_version wall_time_ms cloud hull "
    "renditions"
)
RENDITION = "width height bitrate_kbps vmaf crf"
LADDER_POINT = f"{RENDITION} target_vmaf ok error"
POOLED = "mean harmonic_mean min max p1 p5 p10"

CONTRACT_ONLY = GOLDEN / "ladder_contract_only.json"

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_schema = pytest.mark.parametrize("name", schemas.NAMES)


def document(name: str) -> dict[str, Any]:
    return next(case for case in CASES if case.name == name).document()


def contract_only() -> dict[str, Any]:
    """A ladder as another tool writes it."""
    parsed: dict[str, Any] = json.loads(CONTRACT_ONLY.read_text("utf-8"))
    return parsed


@each_case
def test_no_field_of_a_document_changes_or_disappears(case: Case) -> None:
    assert_holds(case.golden(), case.document())


@each_case
def test_a_document_follows_its_shipped_schema(case: Case) -> None:
    Draft202012Validator(schemas.schema(case.schema)).validate(case.document())


@each_case
def test_a_document_with_fields_of_a_later_version_follows_the_schema(case: Case) -> None:
    later = case.document()
    for part in list(objects_in(later)):
        part["field_of_a_later_version"] = {"of": ["any", "shape"]}
    Draft202012Validator(schemas.schema(case.schema)).validate(later)


@each_case
def test_a_document_is_strict_json_with_two_spaces_and_a_newline(case: Case) -> None:
    text = render(case.result, "json", **case.options)
    parsed = json.loads(text, parse_constant=pytest.fail)
    assert text == f"{json.dumps(parsed, indent=2, ensure_ascii=False)}\n"


@each_case
def test_a_document_names_the_version_of_the_tool(case: Case) -> None:
    assert json.loads(render(case.result, "json"))["tool_version"] == __version__


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("score", SCORE),
        ("score_frames", SCORE),
        ("search", SEARCH),
        ("search_unreachable", SEARCH),
        ("search_nothing_measured", SEARCH),
        ("compare_one_target", ONE_TARGET),
        ("compare_targets", SEVERAL_TARGETS),
        ("ladder", LADDER),
        ("ladder_unreachable", LADDER),
        ("ladder_failed", LADDER),
    ],
)
def test_the_fields_of_the_contract_come_first_and_in_its_order(name: str, fields: str) -> None:
    assert starts_with(document(name), fields)


@pytest.mark.parametrize("name", ["compare_one_target", "compare_targets"])
def test_rows_and_samples_begin_with_the_fields_of_the_contract(name: str) -> None:
    rows = document(name)["rows"]
    samples = [sample for row in rows for sample in row["bisect_samples"]]
    assert all(starts_with(row, ROW) for row in rows)
    assert samples
    assert all(starts_with(sample, SAMPLE) for sample in samples)


def test_points_and_renditions_of_a_ladder_begin_with_the_fields_of_the_contract() -> None:
    ladder = document("ladder")
    assert all(starts_with(point, LADDER_POINT) for point in [*ladder["cloud"], *ladder["hull"]])
    assert all(starts_with(rendition, RENDITION) for rendition in ladder["renditions"])
    assert [len(ladder[part]) for part in ("cloud", "hull", "renditions")] == [9, 4, 4]


def test_the_cloud_of_a_ladder_goes_through_the_targets_of_each_resolution() -> None:
    ladder = document("ladder")
    grid = [(size, target) for size in ladder["resolutions"] for target in ladder["target_vmafs"]]
    cells = [(f"{c['width']}x{c['height']}", c["target_vmaf"]) for c in ladder["cloud"]]
    assert cells == grid


@pytest.mark.parametrize("name", ["ladder", "ladder_unreachable", "ladder_failed"])
def test_a_failed_cell_of_a_ladder_has_no_numbers_and_says_why(name: str) -> None:
    failed = [cell for cell in document(name)["cloud"] if not cell["ok"]]
    numbers = {(cell["bitrate_kbps"], cell["vmaf"], cell["crf"]) for cell in failed}
    assert numbers == {(None, None, -1)}
    assert all(cell["error"] and cell["error_kind"] for cell in failed)


def test_a_document_with_only_the_fields_of_the_contract_follows_the_schema_of_a_ladder() -> None:
    Draft202012Validator(schemas.schema("ladder")).validate(contract_only())


def test_a_ladder_of_another_tool_with_only_the_fields_of_the_contract_can_be_read() -> None:
    saved = contract_only()
    again = json.loads(render(read_ladder(json.dumps(saved)), "json"))
    for name in ("src", "encoder", "target_vmafs", "resolutions", "wall_time_ms"):
        assert again[name] == saved[name]
    for name in ("cloud", "hull", "renditions"):
        for part, saved_part in zip(again[name], saved[name], strict=True):
            assert {**part, **saved_part} == part
    assert len(again["probes"]) == 4
    assert again["selection"]["max_vmaf"] == 96


def test_poolings_have_the_fields_of_the_contract() -> None:
    assert starts_with(document("score")["pooled"], POOLED)


def test_frames_come_with_their_index_score_and_features_only_when_asked() -> None:
    frames = document("score_frames")["frames"]
    assert [list(frame) for frame in frames] == [["frame", "vmaf", "features"]] * 8
    assert "frames" not in document("score")


def test_one_target_has_no_schema_version_and_several_have_version_two() -> None:
    one, several = document("compare_one_target"), document("compare_targets")
    assert "schema_version" not in one
    assert "target_vmafs" not in one
    assert several["schema_version"] == 2
    assert several["target_vmafs"] == [90.0, 93.0]
    assert "target_vmaf" not in several


def test_a_failed_row_has_no_numbers_and_keeps_its_samples() -> None:
    failed = [row for row in document("compare_targets")["rows"] if row["codec"] == "libx265"][-1]
    assert failed["best_crf"] == -1
    assert {failed[name] for name in ("bitrate_kbps", "encode_time_ms", "vmaf_score")} == {None}
    assert (failed["ok"], failed["error"]) == (False, factories.UNREACHED)
    assert [sample["crf"] for sample in failed["bisect_samples"]] == [20, 23, 25, 26, 27, 32]


def test_an_unreachable_search_holds_its_best_probe_and_says_so() -> None:
    found = document("search_unreachable")
    assert found["ok"] is False
    assert found["best_crf"] == 20
    assert found["vmaf_score"] < found["target_vmaf"]
    assert found["error"].startswith("VMAF 99 is not reached; the best is 93.43 at crf 20")


def test_a_search_that_measured_nothing_has_no_numbers() -> None:
    found = document("search_nothing_measured")
    assert found["best_crf"] == -1
    assert {found[name] for name in ("bitrate_kbps", "vmaf_score", "encode_command")} == {None}
    assert found["error"]


@each_schema
def test_the_shipped_schema_is_what_the_models_generate(name: str) -> None:
    regenerate = "run `python -m vmafx_tune.reports.generate`"
    assert schemas.schema(name) == build_schema(name), regenerate


@each_schema
def test_a_schema_is_a_valid_draft_2020_12_schema_with_a_stable_name(name: str) -> None:
    schema = schemas.schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:vmafx-tune:schema:{name}"


@each_schema
def test_every_field_of_a_schema_is_described(name: str) -> None:
    described = [
        (field, "description" in facts)
        for part in objects_in(schemas.schema(name))
        for field, facts in part.get("properties", {}).items()
    ]
    assert described
    assert [field for field, has_description in described if not has_description] == []


def test_every_case_has_one_golden_file_and_no_file_is_left_over() -> None:
    files = {path.stem for path in GOLDEN.glob("*.json")}
    assert files == {*(case.name for case in CASES), CONTRACT_ONLY.stem}


def assert_holds(promised: Any, actual: Any, where: str = "document") -> None:
    """Every key and value promised is there; objects may have more keys."""
    if isinstance(promised, dict):
        for key, value in promised.items():
            assert key in actual, f"{where} lost {key}"
            assert_holds(value, actual[key], f"{where}.{key}")
    elif isinstance(promised, list):
        assert len(promised) == len(actual), where
        for index, (value, other) in enumerate(zip(promised, actual, strict=True)):
            assert_holds(value, other, f"{where}[{index}]")
    else:
        assert type(promised) is type(actual), where
        assert promised == actual, where


def starts_with(part: dict[str, Any], fields: str) -> bool:
    names = fields.split()
    return list(part)[: len(names)] == names


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object with fields of its own; names vary in `features` and `metrics`."""
    if isinstance(value, dict):
        yield value
        for name, item in value.items():
            if name == "metrics":
                yield from objects_in([part for part in item.values() if isinstance(part, dict)])
            elif name != "features":
                yield from objects_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from objects_in(item)
