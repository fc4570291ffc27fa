"""How results become JSON documents."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reports import factories
from vmafx_tune.model import ScoreSet
from vmafx_tune.reports.render import render
from vmafx_tune.results.machine import DoctorResult
from vmafx_tune.results.measurement import PooledScores
from vmafx_tune.results.search import NonMonotone, SearchLimit

if TYPE_CHECKING:
    from vmafx_tune.results.record import Result


def parsed(result: Result, **options: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        render(result, "json", **options), parse_constant=pytest.fail
    )
    return document


@settings(deadline=None)
@given(score=st.floats(), feature=st.floats())
def test_any_float_gives_strict_json_with_null_for_what_is_not_finite(
    score: float, feature: float
) -> None:
    scores = ScoreSet((score,), {"adm": (feature,)}, 1, "vmaf_v0.6.1", "ffmpeg")
    pooled = PooledScores(**{each.name: score for each in fields(PooledScores)})
    document = parsed(factories.score_result(scores=scores, pooled=pooled), frames=True)
    assert document["score"] == (round(score, 6) if math.isfinite(score) else None)
    assert document["frames"][0]["vmaf"] == document["score"]
    assert document["frames"][0]["features"] == document["features"]


def test_numbers_are_rounded_to_six_decimals() -> None:
    assert parsed(factories.score_result())["wall_time_ms"] == 1234.567891


def test_a_whole_crf_is_an_integer_and_a_fractional_one_a_float() -> None:
    whole = render(factories.search_result(qualities=(20.0, 26.0, 27.0)), "json")
    fractional = render(factories.search_result(qualities=(20.0, 26.5, 27.0)), "json")
    assert '"best_crf": 26,' in whole
    assert '"best_crf": 26.5,' in fractional


def test_samples_stand_in_the_order_of_their_quality() -> None:
    samples = parsed(factories.search_result())["bisect_samples"]
    assert [sample["crf"] for sample in samples] == [20, 23, 25, 26, 27, 32]


def test_the_proof_of_an_answer_is_the_next_worse_sample() -> None:
    document = parsed(factories.search_result(target=90.0))
    assert document["next_worse"]["crf"] == 27
    assert document["next_worse"]["vmaf_score"] < 90 <= document["vmaf_score"]


def test_an_answer_at_the_end_of_the_range_has_no_next_worse_sample() -> None:
    assert parsed(factories.search_result(target=80.0))["next_worse"] is None


def test_an_unproven_answer_says_what_stood_in_its_way() -> None:
    limit = SearchLimit("max_iter", "The search stopped after 3 probes.")
    found = replace(factories.search_result(), proven=False, converged=False, limit=limit)
    document = parsed(found)
    assert document["limit"] == {
        "kind": "max_iter",
        "message": "The search stopped after 3 probes.",
    }
    assert (document["ok"], document["proven"], document["error"]) == (True, False, None)


def test_scores_that_rise_with_a_worse_setting_are_listed() -> None:
    found = replace(factories.search_result(), non_monotone=(NonMonotone(23.0, 25.0),))
    assert parsed(found)["non_monotone"] == [{"better_crf": 23, "worse_crf": 25}]


def test_notes_stand_in_the_document_of_a_search_a_row_and_a_comparison() -> None:
    search = replace(factories.search_result(), notes=("The alpha is gone.",))
    assert parsed(search)["notes"] == ["The alpha is gone."]
    row = factories.row_of(search)
    result = replace(factories.compare_result(rows=(row,)), notes=("The clip is a still.",))
    document = parsed(result)
    assert document["notes"] == ["The clip is a still."]
    assert document["rows"][0]["notes"] == ["The alpha is gone."]


def test_the_encode_command_is_one_line_for_a_shell() -> None:
    command = parsed(factories.search_result(path="clips/it's here.mp4"))["encode_command"]
    assert """-i 'clips/it'"'"'s here.mp4' -map""" in command


def test_a_path_outside_ascii_stands_as_it_is() -> None:
    text = render(factories.compare_result(path="clips/日本 é.mp4"), "json")
    assert '"src": "clips/日本 é.mp4"' in text


def test_a_path_that_is_not_utf_8_gives_valid_utf_8() -> None:
    path = b"clips/caf\xe9.mp4".decode("utf-8", "surrogateescape")
    results: list[Result] = [factories.compare_result(path=path), factories.score_result(path)]
    texts = [render(result, "json") for result in results]
    assert all("caf\N{REPLACEMENT CHARACTER}.mp4" in text for text in texts)
    assert all(text.encode() for text in texts)


def test_a_row_that_failed_before_any_probe_is_complete() -> None:
    row = parsed(factories.compare_result(rows=(factories.unavailable_row(),)))["rows"][0]
    assert (row["best_crf"], row["bisect_samples"], row["encoder_version"]) == (-1, [], "")
    assert row["encode_command"] is None
    assert row["error_kind"] == "failed"


def test_rows_are_ranked_within_their_target() -> None:
    rows = parsed(factories.full_compare_result())["rows"]
    assert [(row["target_vmaf"], row["rank"]) for row in rows] == [
        (90.0, 1), (90.0, 2), (90.0, None), (93.0, 1), (93.0, None), (93.0, None),
    ]  # fmt: skip


def test_a_bd_rate_names_its_overlap_and_points_or_the_reason_for_having_none() -> None:
    computed, missing = parsed(factories.full_compare_result())["bd_rate"]
    assert computed == {
        "codec": "libx265",
        "anchor": "libx264",
        "percent": -23.456789,
        "overlap": {"lo": 86.54, "hi": 93.4},
        "points": {"codec": 6, "anchor": 6},
        "reason": None,
    }
    assert (missing["percent"], missing["overlap"]) == (None, None)
    assert missing["reason"].startswith("h264_nvenc has 0 usable points")


def test_an_hdr_source_is_labelled() -> None:
    documents = [
        parsed(factories.score_result(hdr=True)),
        parsed(factories.search_result(transfer="smpte2084")),
        parsed(factories.compare_result(transfer="arib-std-b67")),
    ]
    assert [document["hdr"] for document in documents] == [True, True, True]


def test_subsampled_frames_keep_their_index_in_the_clip() -> None:
    document = parsed(
        factories.score_result(scores=factories.score_set(n_frames=4, subsample=3)), frames=True
    )
    assert [frame["frame"] for frame in document["frames"]] == [0, 3, 6, 9]
    assert document["n_frames"] == 12


def test_frames_without_features_have_an_empty_mapping() -> None:
    scores = ScoreSet((93.0, 94.0), {}, 2, "vmaf_v0.6.1", "ffmpeg")
    frames = parsed(factories.score_result(scores=scores), frames=True)["frames"]
    assert [frame["features"] for frame in frames] == [{}, {}]


def test_a_registry_without_ffmpeg_has_null_for_its_path() -> None:
    document = parsed(replace(factories.encoders_result(), ffmpeg_bin=None, ffmpeg_version=""))
    assert document["ffmpeg_bin"] is None


def test_a_check_that_is_not_required_may_fail() -> None:
    result = factories.doctor_result()
    without_libvmaf = DoctorResult.of(
        *(check for check in result.checks if check.name != "libvmaf")
    )
    assert parsed(result)["ok"] is False
    assert parsed(without_libvmaf)["ok"] is True
