"""What counts as a regression."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.gate.results import answer, comparison, document, jittered, ladder, saved, score
from vmafx_tune.gate.run import gate
from vmafx_tune.options import GateOptions

if TYPE_CHECKING:
    from vmafx_tune.gate.comparable import Gated
    from vmafx_tune.results.score import ScoreResult

TIGHT = GateOptions(max_drop=0.2, max_bitrate_increase=0.5)
RESULTS = (score(), answer(), comparison(), ladder())


TIGHT_SCORE = GateOptions(max_drop=0.2)


def with_broken_frame(result: ScoreResult, place: int, points: float) -> ScoreResult:
    frames = list(result.frames)
    frames[place] = replace(frames[place], vmaf=frames[place].vmaf - points)
    return replace(result, frames=tuple(frames))


def failed(current: Gated, baseline: Gated, limits: GateOptions | None = None) -> list[str]:
    return [check.kind for check in gate(current, baseline, limits=limits).regressions]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.command)
def test_a_result_holds_up_against_itself_with_no_tolerance_at_all(result: Gated) -> None:
    nothing = {"max_drop": 0.0, "max_time_increase": 0.0}
    options = {
        "score": {"max_frame_drop": 0.0},
        "search": {"max_bitrate_increase": 0.0},
        "compare": {"max_bitrate_increase": 0.0, "max_bd_rate": 0.0},
        "ladder": {"max_bd_rate": 0.0},
    }
    found = gate(result, result, limits=GateOptions(**nothing, **options[result.command]))
    assert found.ok
    assert found.checks


def test_seeded_regressions_are_found_each_time() -> None:
    source = random.Random(11)
    base = score()
    for _ in range(100):
        drop = 0.3 + source.uniform(0, 2)
        assert failed(replace(base, score=base.score - drop), base, TIGHT_SCORE) == ["vmaf"]
        kbps = 1000 * (1.01 + source.uniform(0, 0.1))
        assert failed(answer(kbps=kbps), answer(), TIGHT) == ["bitrate"]
        assert failed(ladder(more_bits=5 + source.uniform(0, 9)), ladder()) == ["bd_rate"]
        broken = with_broken_frame(base, source.randrange(len(base.frames)), source.uniform(6, 60))
        assert failed(broken, base) == ["frames"]


def test_reruns_of_the_same_thing_never_alarm_be_they_scored_by_another_build() -> None:
    source = random.Random(12)
    strict = {
        "score": GateOptions(max_drop=0, max_frame_drop=0),
        "search": GateOptions(max_drop=0, max_bitrate_increase=0),
        "compare": GateOptions(max_drop=0, max_bitrate_increase=0, max_bd_rate=0),
        "ladder": GateOptions(max_drop=0, max_bd_rate=0),
    }
    for _ in range(50):
        for result in RESULTS:
            again = jittered(document(result), 0.0000499, source)
            assert failed(saved(again), result, strict[result.command]) == []
            other = jittered(document(result), 0.0049, source) | {"backend_version": "9.9"}
            assert failed(saved(other), result, strict[result.command]) == []


def test_a_drop_of_the_score_counts_beyond_the_limit() -> None:
    base = score()
    assert failed(replace(base, score=base.score - 0.5), base) == []
    assert failed(replace(base, score=base.score - 0.51), base) == ["vmaf"]
    assert failed(replace(base, score=base.score + 5), base) == []


def test_none_lifts_a_limit() -> None:
    base = score()
    worse = replace(base, score=base.score - 40)
    assert failed(worse, base, GateOptions(max_drop=float("inf"))) == []


def test_a_bd_rate_without_a_limit_is_not_checked() -> None:
    hullless = replace(ladder(), hull=())
    assert "bd_rate" in [check.kind for check in gate(hullless, hullless).checks]
    lifted = gate(hullless, hullless, limits=GateOptions(max_bd_rate=math.inf))
    assert "bd_rate" not in [check.kind for check in lifted.checks]


def test_a_broken_frame_is_named() -> None:
    (check,) = gate(with_broken_frame(score(), 3, 50), score()).regressions
    assert "frame 3 by 50.00" in check.message
    assert check.change == pytest.approx(-50)


def test_a_setting_that_moves_by_a_step_for_nothing_is_no_regression() -> None:
    # The answer had 93.00002, and its neighbour 92.2: now it just misses, and the better one is
    # taken, whose bitrate is higher by five per cent.
    before = answer(kbps=1000, vmaf=93.00002)
    step = 1000 * (1000 / before.next_worse.bitrate_kbps)  # type: ignore[union-attr]
    after = answer(kbps=step, vmaf=94.00002, best_crf=before.best_crf - 1)
    found = gate(after, before)
    assert found.ok
    assert next(c.change for c in found.checks if c.kind == "bitrate") == pytest.approx(0, abs=0.01)


def test_at_another_setting_the_score_of_the_answer_says_nothing() -> None:
    before, after = answer(vmaf=93.9), answer(vmaf=93.1, kbps=956, best_crf=30.0)
    assert "vmaf" not in [check.kind for check in gate(after, before).checks]


def test_without_a_neighbour_the_bitrates_of_the_answers_are_compared() -> None:
    before, after = answer(next_worse=None), answer(next_worse=None, kbps=1030)
    assert failed(after, before) == ["bitrate"]


def test_a_target_that_is_missed_and_a_proof_that_is_gone_are_regressions() -> None:
    missed = answer(ok=False, vmaf=92.0, error="The range of crf ends at 51.")
    (check,) = gate(missed, answer()).regressions
    assert check.kind == "reached"
    assert check.message.endswith("is not now: The range of crf ends at 51.")
    assert failed(answer(proven=False), answer()) == ["proven"]
    assert failed(missed, missed) == []
    (check,) = gate(missed, missed).checks
    assert (check.ok, check.exemption) == (True, "as_before")


def test_a_target_that_noise_alone_misses_is_reached() -> None:
    assert failed(answer(ok=False, vmaf=92.99995), answer(vmaf=93.0)) == []


def test_rows_that_are_gone_are_regressions() -> None:
    base = comparison()
    fewer = replace(base, rows=base.rows[1:])
    found = gate(fewer, base)
    assert [check.kind for check in found.regressions][:1] == ["reached"]
    assert "missing now" in found.regressions[0].message


def test_a_comparison_is_held_to_the_bd_rate_of_each_encoder_against_itself() -> None:
    base = comparison()
    rows = tuple(
        row
        if not row.ok or row.bitrate_kbps is None or row.next_worse is None
        else replace(
            row,
            bitrate_kbps=1.05 * row.bitrate_kbps,
            next_worse=replace(row.next_worse, bitrate_kbps=1.05 * row.next_worse.bitrate_kbps),
        )
        for row in base.rows
    )
    found = gate(replace(base, rows=rows), base, limits=GateOptions(max_bitrate_increase=90))
    changes = [check.change for check in found.regressions]
    assert changes
    assert changes == pytest.approx([5] * len(changes))


def test_cells_and_the_top_of_a_ladder_are_checked() -> None:
    base = ladder()
    cells = tuple(
        replace(cell, ok=False, error="It is gone.", vmaf=None) if index == 0 else cell
        for index, cell in enumerate(base.cloud)
    )
    assert failed(replace(base, cloud=cells), base) == ["reached"]
    lower = replace(base.renditions[-1], vmaf=base.renditions[-1].vmaf - 1)
    assert failed(replace(base, renditions=(*base.renditions[:-1], lower)), base) == ["vmaf"]
    assert "reached" in failed(replace(base, renditions=()), base)


def test_time_counts_only_where_it_is_asked_for() -> None:
    base = score(wall_time_ms=1000.0)
    slower = replace(base, wall_time_ms=1300.0)
    assert failed(slower, base) == []
    assert failed(slower, base, GateOptions(max_time_increase=20)) == ["time"]
    assert failed(slower, base, GateOptions(max_time_increase=30)) == []


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.command)
def test_bounds_hold_for_each_encode_of_a_result(result: Gated) -> None:
    kept = gate(result, limits=GateOptions(min_vmaf=1, min_p5=1))
    assert all(check.ok for check in kept.checks if check.current is not None)
    missed = gate(result, limits=GateOptions(min_vmaf=99.99, min_p5=99.99))
    assert {check.kind for check in missed.regressions} == {"min_vmaf", "min_p5"}
    assert len(missed.regressions) == len(missed.checks)


def test_a_bound_is_missed_where_nothing_is_known() -> None:
    unknown = answer(vmaf_pooled=None)
    (check,) = gate(unknown, limits=GateOptions(min_p5=50)).regressions
    assert "the 5th percentile of VMAF is not known" in check.message


def test_a_ladder_without_rungs_misses_every_bound() -> None:
    (check,) = gate(ladder(renditions=()), limits=GateOptions(min_vmaf=50)).regressions
    assert check.message == "top rung: VMAF is not known, so --min-vmaf 50 is not met."
