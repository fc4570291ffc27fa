"""Results as CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from tests.unit.reports import factories
from vmafx_tune.reports.render import render

if TYPE_CHECKING:
    from vmafx_tune.results.record import Result


def rows(result: Result, *, frames: bool = False) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(result, "csv", frames=frames))))


def test_a_comparison_begins_with_the_columns_of_the_contract() -> None:
    header = render(factories.compare_result(), "csv").splitlines()[0]
    assert header.startswith(
        "codec,adapter,runtime_variant,ffmpeg_bin,encoder_version,best_crf,bitrate_kbps,"
        "encode_time_ms,vmaf_score,target_vmaf,ok,error,"
    )
    assert header.endswith(",encode_command")


def test_an_ok_row_holds_its_answer() -> None:
    row = rows(factories.compare_result())[0]
    assert (row["codec"], row["best_crf"], row["ok"], row["error"]) == ("libx265", "26", "true", "")
    assert float(row["vmaf_score"]) == 90.398608


def test_a_failed_row_has_empty_fields_for_what_is_not_known() -> None:
    row = rows(factories.full_compare_result())[4]
    assert (row["best_crf"], row["bitrate_kbps"], row["vmaf_score"]) == ("-1", "", "")
    assert (row["ok"], row["error"]) == ("false", factories.UNREACHED)


def test_separators_and_quotes_in_a_path_survive() -> None:
    path = 'clips/a, "b"\n.mp4'
    assert rows(factories.score_result(path))[0]["reference"] == path


def test_lines_end_with_a_line_feed_alone() -> None:
    text = render(factories.score_result(), "csv")
    assert text.endswith("\n")
    assert "\r" not in text


def test_a_score_is_one_row_with_poolings_and_features() -> None:
    (row,) = rows(factories.score_result())
    assert (row["score"], row["p5"], row["integer_adm2"]) == ("93.534608", "93.055909", "0.9735")


def test_frames_are_one_row_each() -> None:
    scores = factories.score_set(n_frames=3, subsample=2)
    found = rows(factories.score_result(scores=scores), frames=True)
    assert list(found[0]) == [
        "frame", "vmaf", "integer_adm2", "integer_motion2", "integer_vif_scale0",
    ]  # fmt: skip
    assert [row["frame"] for row in found] == ["0", "2", "4"]


def test_a_value_that_is_not_finite_is_empty() -> None:
    scores = factories.score_set(n_frames=1)
    pooled = factories.score_result().pooled
    broken = type(scores)((93.0,), {"adm": (math.nan,)}, 1, scores.model, scores.backend)
    (row,) = rows(factories.score_result(scores=broken, pooled=pooled), frames=True)
    assert row["adm"] == ""
