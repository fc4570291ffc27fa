"""An answer of --proof none is shown as an estimate, wherever it is shown."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.reports.factories import compare_result, ok_row, search_result
from vmafx_tune.batch.jobs import BatchJob
from vmafx_tune.batch.summary import found_file
from vmafx_tune.compare.engine import bd_matrix
from vmafx_tune.errors import IncomparableError
from vmafx_tune.gate.run import gate
from vmafx_tune.options import GateOptions
from vmafx_tune.reports.render import render
from vmafx_tune.reports.saved_result import read_result
from vmafx_tune.results.search import Estimate, SearchLimit

if TYPE_CHECKING:
    from vmafx_tune.results.compare import CompareResult, CompareRow
    from vmafx_tune.results.search import SearchResult

LIMIT = SearchLimit("no_proof", "The answer is an estimate from one probe.")
ERRORS = Estimate(measured=False, crf_error=2.0, vmaf_error=1.111, bitrate_error_kbps=120.01)


def estimated() -> SearchResult:
    found = search_result()
    return replace(
        found,
        best_crf=33.0,
        bitrate_kbps=1234.5,
        vmaf_score=93.25,
        encode_command=None,
        size_bytes=None,
        vmaf_pooled=None,
        encode_time_ms=None,
        proven=False,
        next_worse=None,
        limit=LIMIT,
        estimate=ERRORS,
    )


def estimated_row(encoder: str = "libx264") -> CompareRow:
    return replace(ok_row(encoder), proven=False, next_worse=None, limit=LIMIT, estimate=ERRORS)


def comparison() -> CompareResult:
    return compare_result(rows=(estimated_row(), ok_row("libx265")))


@pytest.mark.parametrize("form", ["table", "html"])
def test_a_search_says_that_its_answer_is_an_estimate_and_how_far_it_may_be_off(form: str) -> None:
    page = render(estimated(), form)
    assert "should reach VMAF 90 with about 93.25 at about 1,234.5 kb/s" in page
    assert "crf 33 ± 2, VMAF 93.25 ± 1.12, 1,234.5 ± 120.1 kb/s (95 %)" in page
    assert "answer, estimated" in page
    assert LIMIT.message in page
    assert "answer, proven" not in page


def test_errors_that_nobody_knows_are_left_out() -> None:
    unknown = Estimate(measured=False, crf_error=None, vmaf_error=None, bitrate_error_kbps=None)
    page = render(replace(estimated(), estimate=unknown), "table")
    assert "crf 33, VMAF 93.25, 1,234.5 kb/s" in page
    assert "±" not in page
    assert "95 %" not in page


def test_the_chart_does_not_draw_an_estimate_as_a_probe() -> None:
    page = render(estimated(), "html")
    assert "an answer that is an estimate is not drawn" in page
    assert "The ringed probe is the answer" in render(search_result(), "html")


def test_a_measured_answer_is_ringed_and_its_setting_is_still_an_estimate() -> None:
    found = search_result()
    errors = Estimate(measured=True, crf_error=1.0, vmaf_error=0.0, bitrate_error_kbps=0.0)
    page = render(replace(found, proven=False, next_worse=None, estimate=errors), "table")
    assert "± 1, VMAF" in page
    assert page.count("±") == 1
    assert "answer, estimated" in page


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_a_row_of_a_comparison_is_marked(form: str) -> None:
    page = render(comparison(), form)
    assert page.count("estimated") >= 1
    assert "± 1.12" in page
    assert "± 120.1" in page
    assert LIMIT.message in page.replace("\\", "")


def test_csv_has_the_errors_in_columns_of_their_own() -> None:
    rows = {row["codec"]: row for row in csv.DictReader(io.StringIO(render(comparison(), "csv")))}
    assert rows["libx264"]["crf_error"] == "2.0"
    assert rows["libx264"]["vmaf_error"] == "1.111"
    assert rows["libx264"]["bitrate_error_kbps"] == "120.01"
    assert rows["libx264"]["proven"] == "false"
    assert rows["libx265"]["crf_error"] == ""


def test_json_keeps_the_errors_and_is_read_back() -> None:
    text = render(estimated(), "json")
    assert json.loads(text)["estimate"] == {
        "measured": False,
        "crf_error": 2.0,
        "vmaf_error": 1.111,
        "bitrate_error_kbps": 120.01,
    }
    read = read_result(text)
    assert render(read, "json") == text


def test_estimates_are_no_points_of_a_bd_rate() -> None:
    rows = [
        replace(row, target_vmaf=target)
        for target in (80.0, 90.0)
        for row in (estimated_row(), ok_row("libx265"))
    ]
    found = bd_matrix(rows)
    assert len(found) == 2
    assert all(bd.percent is None and "needs measured answers" in (bd.reason or "") for bd in found)


def test_a_gate_takes_no_estimates() -> None:
    for current, baseline in (
        (estimated(), search_result()),
        (search_result(), estimated()),
        (comparison(), comparison()),
    ):
        with pytest.raises(IncomparableError, match="--proof none is an estimate"):
            gate(current, baseline)
    with pytest.raises(IncomparableError, match="--proof none is an estimate"):
        gate(estimated(), limits=GateOptions(min_vmaf=90.0))


def test_a_batch_marks_the_sources_with_estimates() -> None:
    file = found_file(BatchJob("clip.mp4", "clip"), estimated(), {})
    assert file.estimated
    assert not found_file(BatchJob("clip.mp4", "clip"), search_result(), {}).estimated
