"""Reading a saved ladder back, and what is said of one that makes no sense."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.reports import factories
from tests.unit.reports.ladder_factories import (
    SIZES,
    bare_ladder_result,
    failed_ladder_result,
    ladder_result,
    unreachable_ladder_result,
)
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.rung_options import default_choice
from vmafx_tune.reports.render import render
from vmafx_tune.reports.saved_ladder import read_ladder
from vmafx_tune.results.measurement import Sample, SampledPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.record import Result

CONTRACT = (
    *("schema_version", "src", "encoder", "target_vmafs", "resolutions"),
    *("tool_version", "wall_time_ms", "cloud", "hull", "renditions"),
)


def saved(result: LadderResult | None = None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(result or ladder_result(), "json"))
    return document


def without_cell_points(result: LadderResult) -> LadderResult:
    return replace(result, cloud=tuple(replace(cell, points=()) for cell in result.cloud))


def refusal(document: Any) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(InvalidLadderError) as caught:
        read_ladder(text, "'old.json'")
    message = str(caught.value)
    assert message.startswith("No ladder can be read from 'old.json': it ")
    assert "\n" not in message
    return message


def with_value(*path: str | int, value: Any) -> dict[str, Any]:
    document = saved()
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return document


@pytest.mark.parametrize(
    "build", [ladder_result, unreachable_ladder_result, failed_ladder_result, bare_ladder_result]
)
def test_a_saved_ladder_is_read_back_as_it_was_but_for_which_cell_measured_what(
    build: Callable[[], LadderResult],
) -> None:
    assert read_ladder(render(build(), "json")) == without_cell_points(build())


def test_a_saved_ladder_keeps_its_sample() -> None:
    parts = (SampledPart(0, 25, 0.0), SampledPart(100, 25, 4.0))
    sampled = replace(ladder_result(), sample=Sample(parts, 0.25, subsample=2, verified=True))

    assert read_ladder(render(sampled, "json")).sample == sampled.sample


def test_a_saved_ladder_keeps_the_commands_of_its_chunks() -> None:
    plain = ladder_result()
    chunks = ("ffmpeg -i 'a b.mp4' 1.mp4", "ffmpeg -i 'a b.mp4' 2.mp4")
    points = tuple(replace(point, chunk_commands=chunks) for point in plain.probes)
    read = read_ladder(render(replace(plain, probes=points, chunk_frames=48), "json"))

    assert read.chunk_frames == 48
    assert [point.chunk_commands for point in read.probes] == [chunks] * len(points)


def test_the_contracts_fields_alone_give_all_that_they_tell() -> None:
    document = {name: value for name, value in saved().items() if name in CONTRACT}
    own = {"peak_bitrate_kbps", "codecs", "vmaf_pooled", "size_bytes", "encoder_version"}
    own |= {"encode_command", "name", "target_vmaf", "frame_rate"}
    for rendition in document["renditions"]:
        for name in own:
            del rendition[name]
    for cell in document["cloud"]:
        del cell["error_kind"], cell["note"]
    assert read_ladder(json.dumps(document)) == bare_ladder_result()


def test_what_a_rendition_alone_tells_of_its_encode_is_kept() -> None:
    document = saved()
    del document["probes"]
    top = read_ladder(json.dumps(document)).renditions[-1]
    assert top.codecs == "avc1.64001F"
    assert str(top.encode_command).endswith(" seeking.1280x720.libx264.crf23.mp4")


def test_a_ladder_without_hull_and_renditions_has_none() -> None:
    document = saved()
    del document["hull"], document["renditions"]
    result = read_ladder(json.dumps(document))
    assert (result.hull, result.renditions) == ((), ())
    assert len(result.probes) == 12


def test_an_answer_to_two_targets_is_one_point() -> None:
    document = {name: value for name, value in saved().items() if name in CONTRACT}
    document["cloud"] = [document["cloud"][0], {**document["cloud"][0], "target_vmaf": 65}]
    document["hull"] = document["renditions"] = []
    result = read_ladder(json.dumps(document))
    assert [cell.target for cell in result.cloud] == [70, 65]
    assert len(result.probes) == 1


def test_a_cells_missing_target_follows_from_its_place() -> None:
    document = saved()
    for cell in document["cloud"]:
        del cell["target_vmaf"], cell["error"]
    cells = read_ladder(json.dumps(document)).cloud
    assert [cell.target for cell in cells] == [70, 85, 95] * 3
    assert cells[-1].error == "It failed, and the saved ladder does not say why."


def test_a_target_that_no_place_tells_is_asked_for() -> None:
    document = saved()
    del document["cloud"][1]["target_vmaf"], document["cloud"][8]
    assert "has no cloud[1].target_vmaf, and its place does not tell it." in refusal(document)


def test_an_older_ladder_without_its_selection_has_the_defaults() -> None:
    document = with_value("target_vmafs", value=[70, 85, 97])
    del document["selection"]
    assert read_ladder(json.dumps(document)).selection == default_choice([70, 85, 97])


def test_fields_of_a_later_version_are_ignored() -> None:
    document = saved() | {"mood": {"of": ["any", "shape"]}}
    document["cloud"][0]["mood"] = 3
    assert read_ladder(json.dumps(document)) == read_ladder(json.dumps(saved()))


def test_whole_numbers_may_be_written_with_a_point_and_a_byte_order_mark_in_front() -> None:
    document = with_value("cloud", 0, "width", value=1280.0)
    result = read_ladder(f"\N{ZERO WIDTH NO-BREAK SPACE}{json.dumps(document)}")
    assert result.cloud[0].resolution == SIZES[0]


@pytest.mark.parametrize("text", ["", " \n", "\N{ZERO WIDTH NO-BREAK SPACE}"])
def test_an_empty_file_is_called_so(text: str) -> None:
    assert refusal(text).endswith("it is empty.")


def test_text_that_is_not_json_is_refused_with_its_place() -> None:
    assert "is not JSON from line 2, column 10 on." in refusal('{\n  "src": nope}')


@pytest.mark.parametrize("value", ["NaN", "-Infinity"])
def test_a_bare_nan_is_not_json(value: str) -> None:
    assert f"holds {value}, which is not JSON" in refusal(f'{{"cloud": [{value}]}}')


@pytest.mark.parametrize("text", ["[" * 200_000, '{"cloud":' * 200_000])
def test_a_depth_bomb_is_refused(text: str) -> None:
    assert refusal(text).endswith("it is nested too deeply.")


@pytest.mark.parametrize(
    ("result", "command"),
    [
        (factories.score_result(), "score"),
        (factories.search_result(), "search"),
        (factories.compare_result(), "compare"),
        (factories.full_compare_result(), "compare"),
        (factories.encoders_result(), "encoders"),
        (factories.doctor_result(), "doctor"),
    ],
)
def test_the_document_of_another_command_is_recognized(result: Result, command: str) -> None:
    message = refusal(render(result, "json"))
    assert message.endswith(f"it has no cloud; it looks like a result of {command}.")


def test_an_object_that_is_nothing_of_ours_has_no_cloud() -> None:
    assert refusal("{}").endswith("it has no cloud.")


@pytest.mark.parametrize("value", [[], 3, True, None])
def test_json_that_is_no_object_is_refused(value: Any) -> None:
    assert refusal(value).endswith("where an object belongs.")


@pytest.mark.parametrize("field", ["schema_version", "src", "encoder", "target_vmafs"])
def test_a_missing_field_of_the_contract_is_named(field: str) -> None:
    document = saved()
    del document[field]
    assert refusal(document).endswith(f"it has no {field}.")


def test_a_newer_schema_asks_for_an_update() -> None:
    assert refusal(with_value("schema_version", value=2)).endswith(
        "it was written by a newer vmafx-tune (schema 2; this one knows 1). Update vmafx-tune."
    )


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("schema_version",), "1", 'has "1" as schema_version, where 1 belongs'),
        (("src",), None, "has null as src, where a text belongs"),
        (("cloud",), {}, "has an object as cloud, where a list belongs"),
        (("cloud", 3), [], "has a list as cloud[3], where an object belongs"),
        (("cloud", 0, "crf"), "23", 'has "23" as cloud[0].crf, where a number belongs'),
        (("cloud", 0, "ok"), 1, "has 1 as cloud[0].ok, where true or false belongs"),
        (("cloud", 0, "vmaf"), None, "has null as cloud[0].vmaf, where a number belongs"),
        (("cloud", 0, "bitrate_kbps"), 0, "as cloud[0].bitrate_kbps, where a number above 0"),
        (("cloud", 1, "width"), -640, "has -640 as cloud[1].width, where a whole number from 1"),
        (("cloud", 1, "width"), 1.5, "has 1.5 as cloud[1].width, where a whole number"),
        (("hull", 0, "height"), 70_000, "has 70000 as hull[0].height, where a whole number from"),
        (("wall_time_ms",), 10**400, "holds the number 1000"),
        (("probes", 0, "vmaf"), 1e300, "holds the number 1e+300, which is absurd"),
        (("probes", 0, "size_bytes"), -1, "as probes[0].size_bytes, where a number of 0 or more"),
        (("probes", 0, "peak_bitrate_kbps"), 0, "peak_bitrate_kbps, where a number above 0"),
        (("renditions", 0, "encode_command"), "'", "where a command whose quotes are closed"),
        (("resolutions", 1), "big", 'has "big" as resolutions[1], where a size such as 1280x720'),
        (("display",), f"{'9' * 5000}x2", '99… as display, where a size such as 1280x720 belongs'),
        (("source", "frame_rate"), "1/0", 'has "1/0" as source.frame_rate, where a positive'),
        (("source", "width"), None, "has null as source.width, where a whole number from 1"),
        (("segment_duration",), "1e999999999", "as segment_duration, where a positive number"),
        (("subsample",), 0, "has 0 as subsample, where a whole number from 1 belongs"),
        (("score_at",), "home", 'has "home" as score_at, where one of display, rendition'),
        (("pool",), "median", 'has "median" as pool, where one of mean, harmonic_mean'),
        (("selection", "spacing"), "wide", 'has "wide" as selection.spacing, where one of knee'),
        (("selection", "max_rungs"), 0, "as selection.max_rungs, where a whole number from 1"),
        (("selection", "vmaf_step"), 0, "as selection.vmaf_step, where a number above 0"),
        (("selection", "safety_factor"), 2, "as selection.safety_factor, where a number above 0"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_named_with_its_place(
    path: tuple[str | int, ...], value: Any, complaint: str
) -> None:
    assert complaint in refusal(with_value(*path, value=value))
