"""What renderers and `gate` make of an encode per shot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.gate.results import saved
from tests.unit.reports import factories
from tests.unit.reports.package_factories import package_result
from tests.unit.shots.results import encode_per_shot
from vmafx_tune.batch.jobs import BatchJob
from vmafx_tune.batch.summary import found_file
from vmafx_tune.errors import UsageError
from vmafx_tune.gate.run import gate
from vmafx_tune.options import GateOptions
from vmafx_tune.reports import search_facts
from vmafx_tune.reports.gate_facts import heading
from vmafx_tune.reports.render import render
from vmafx_tune.results.encode import EncodeResult, Output, Verified
from vmafx_tune.results.search import ConditionResult

OUTPUT = Output(
    path=Path("film.mkv"),
    container="matroska",
    size_bytes=1_000_000,
    size_percent=40.0,
    streams=(),
    dropped=(),
    verified=Verified(frames=100, duration_s=4.0, video_sha256="0" * 64),
)


def delivery(result: EncodeResult) -> dict[str, str]:
    return dict(search_facts.delivery(result, OUTPUT))


def test_the_summary_is_of_the_shots_where_they_are_delivered() -> None:
    told = delivery(encode_per_shot(21, 34, 27))

    assert told["Video"].endswith("crf 21 to 34, 900.0 kb/s")
    assert told["VMAF"].startswith("93.10 for")
    assert "worst second 71.25 at 00:00:03.000" in told["VMAF"]
    assert told["Proof"] == "measured as a whole"
    assert told["Shots"].startswith("3, 12.3 % less than at libx264 crf")
    assert told["Shots"].endswith("9 probes of 102")


def test_a_proof_by_some_of_the_frames_is_none() -> None:
    shots = replace(encode_per_shot(), subsample=5, proven=False)

    assert delivery(shots)["Proof"] == "measured as a whole, one frame in 5"
    assert delivery(replace(shots, per_shot=None))["Proof"] == "unproven"


def test_conditions_are_told_of_the_shots_that_are_delivered() -> None:
    conditions = [
        ConditionResult(
            condition=name, value=value, ok=True, next_worse_value=None, next_worse_ok=None
        )
        for name, value in (
            ("vmaf.mean>=90", 93.5),
            ("vmaf.min>=60", 77.66),
            ("vmaf.min>=50", 77.66),
            ("cambi.mean<=5", 1.5),
        )
    ]
    result = replace(
        encode_per_shot(metrics={"vmaf.min": 69.91, "cambi.mean": 2.5}),
        conditions=tuple(conditions),
    )
    sheet = search_facts.condition_sheet(result)

    assert [heading.title for heading in sheet.headings[:3]] == ["Condition", "Shots", "Answer"]
    assert [row[:3] for row in sheet.rows] == [
        ("vmaf.mean>=90", "93.1000", "93.5000"),
        ("vmaf.min>=60", "69.9100", "77.6600"),
        ("vmaf.min>=50", "69.9100", "77.6600"),
        ("cambi.mean<=5", "2.5000", "1.5000"),
    ]


def test_the_summary_is_of_the_single_setting_where_that_is_cheaper() -> None:
    result = encode_per_shot(delivered=False, saving_percent=-3.21)
    told = delivery(result)

    assert told["Video"].startswith(f"libx264 crf {result.best_crf:g},")
    assert "3.2 % more than at" in told["Shots"]
    assert "not delivered (crf 21 to 34)" in told["Shots"]


def test_an_encode_at_one_setting_says_nothing_of_shots() -> None:
    assert delivery(replace(encode_per_shot(), per_shot=None))["Shots"] == ""


@pytest.mark.parametrize("form", ["table", "html"])
def test_tables_have_a_row_for_each_shot(form: str) -> None:
    text = render(replace(encode_per_shot(), output=OUTPUT), form)

    assert "00:00:02.000" in text
    assert "86.00" in text


def test_of_very_many_shots_the_first_ones_are_shown() -> None:
    text = render(replace(encode_per_shot(*[23.0] * 50), output=OUTPUT), "table")

    assert "10 more shots in the JSON document." in text


def test_a_saved_result_is_read_back() -> None:
    result = encode_per_shot()

    assert saved(result).per_shot == result.per_shot


def test_a_bitrate_of_the_shots_that_rises_is_a_regression() -> None:
    before, now = (saved(encode_per_shot(bitrate_kbps=kbps)) for kbps in (900.0, 930.0))

    found = gate(now, before, limits=GateOptions(max_bitrate_increase=2.0)).regressions

    assert [(check.kind, check.subject) for check in found] == [
        ("bitrate", "libx264 at VMAF 90, per shot")
    ]
    assert not gate(now, before, limits=GateOptions(max_bitrate_increase=5.0)).regressions


def test_shots_that_are_gone_are_a_regression() -> None:
    before = saved(encode_per_shot())

    found = gate(replace(before, per_shot=None), before).regressions

    assert [check.message for check in found] == [
        "libx264 at VMAF 90, per shot: in the baseline, and missing now."
    ]


def test_a_gate_names_the_command_of_its_results() -> None:
    result = saved(encode_per_shot())

    assert gate(result, result).results_of == "encode"
    assert gate(result, limits=GateOptions(min_vmaf=50)).results_of == "encode"
    assert gate(result, saved(factories.search_result())).results_of == "search"
    with pytest.raises(UsageError, match="does not apply to results of encode"):
        gate(result, result, limits=GateOptions(max_bd_rate=1))
    assert heading(gate(result, result)).startswith("encode: ")


def test_a_bound_holds_for_what_is_delivered() -> None:
    result = saved(encode_per_shot(p5=70.0))

    found = gate(result, limits=GateOptions(min_p5=75.0)).regressions

    assert [check.current for check in found] == [70.0]


def test_the_summary_of_a_batch_is_of_what_was_delivered() -> None:
    result = replace(encode_per_shot(), output=OUTPUT)

    file = found_file(BatchJob(name="film", source="film.mkv"), result, {})

    assert (file.best_crf, file.bitrate_kbps, file.vmaf_score) == (None, 900.0, 93.1)


def test_a_package_shows_the_settings_of_the_rungs_that_have_them() -> None:
    package = package_result()
    first, second = package.renditions
    cheaper, dearer = encode_per_shot(21, 34).per_shot, encode_per_shot(delivered=False).per_shot
    rungs = (replace(first, per_shot=cheaper), replace(second, per_shot=dearer))
    text = render(replace(package, renditions=rungs), "table")

    assert "crf 21 to 34" in text
    assert "crf 23 " in text
    assert "1 of 2 renditions, with 12.3 % less than at one setting" in text
