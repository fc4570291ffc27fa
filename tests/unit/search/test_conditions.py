"""Searches that must meet conditions beside their target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.events import ignore
from vmafx_tune.results.search import NonMonotone
from vmafx_tune.search.engine import search, search_with
from vmafx_tune.search.probe_set import ProbeSet


def falling(quality: float) -> float:
    return 100 - quality


def prober(**more: float) -> CurveProber:
    """VMAF falls by 1, PSNR by 0.5 and CAMBI rises by 0.25 with each step."""
    return CurveProber(
        falling,
        metrics_of=lambda quality: {"psnr": 60 - quality / 2, "cambi": quality / 4},
        own_metrics={"psnr": 60.0, "cambi": 0.0} | more,
    )


def test_the_answer_meets_all_conditions_and_the_proof_names_the_one_that_fails_next() -> None:
    asked = request(target=70, require=["psnr.mean>=48", "cambi.mean<=5", "vmaf.p5>=75"])

    result = search(asked, prober())

    assert (result.best_crf, result.vmaf_score, result.proven) == (20, 80, True)
    assert [(one.condition, one.value, one.ok) for one in result.conditions] == [
        ("vmaf.mean>=70", 80, True),
        ("psnr.mean>=48", 50, True),
        ("cambi.mean<=5", 5, True),
        ("vmaf.p5>=75", 80, True),
    ]
    assert result.next_worse is not None
    assert result.next_worse.metrics == {"psnr.mean": 49.5, "cambi.mean": 5.25, "vmaf.p5": 79}
    assert result.next_worse_fails == ("cambi.mean<=5",)
    assert [one.next_worse_ok for one in result.conditions] == [True, True, False, True]
    assert result.metrics.keys() == {"psnr", "cambi"}


def test_where_the_target_binds_the_proof_names_it() -> None:
    result = search(request(target=90, require=["psnr.mean>=30"]), prober())

    assert result.best_crf == 10
    assert result.next_worse_fails == ("vmaf.mean>=90",)


def test_a_search_without_conditions_tells_of_none() -> None:
    result = search(request(target=90), prober())

    assert (result.conditions, result.next_worse_fails, result.metrics) == ((), (), {})


def test_conditions_take_no_more_than_one_probe_more() -> None:
    for target in range(60, 96, 5):
        alone, asked = prober(), prober()
        search(request(target=target), alone)
        search(request(target=target, require=["psnr.p5>=45", "cambi.mean<=9"]), asked)

        assert len(asked.asked) <= len(alone.asked) + 1


def test_a_condition_that_no_step_meets_is_an_answer_of_its_own_with_the_best() -> None:
    asked = request(target=70, require=["cambi.mean<=1"])
    banded = replace(prober(cambi=3.0), metrics_of=lambda quality: {"cambi": 3 + quality / 4})

    result = search(asked, banded)

    assert (result.ok, result.best_crf, result.proven) == (False, 0, False)
    assert result.limit is not None
    assert result.limit.kind == "clip_ceiling"
    assert result.error == (
        "cambi.mean<=1 is not met; the best is VMAF 100.00, cambi.mean 3.0000 at crf 0, "
        "8,000.0 kb/s. cambi.mean<=1 is not met by the source itself, which has cambi.mean "
        "3.0000. Relax the condition."
    )


def test_a_condition_that_the_range_ends_before_is_told_from_the_target() -> None:
    asked = request(target=70, require=["psnr.mean>=70"])

    result = search(asked, prober(psnr=80.0))

    assert not result.ok
    assert result.limit is not None
    assert result.limit.kind == "knob_range"
    assert result.error is not None
    assert result.error.startswith(
        "psnr.mean>=70 is not met; the best is VMAF 100.00, psnr.mean 60"
    )


def test_a_target_and_a_condition_that_are_both_missed_are_both_named() -> None:
    asked = request(target=99.5, require=["psnr.mean>=70"])
    few = CurveProber(lambda q: 99 - q, metrics_of=lambda q: {"psnr": 60 - q})

    result = search(asked, replace(few, own_metrics={"psnr": 60.0}))

    assert result.error is not None
    assert result.error.startswith("VMAF 99.5 is not reached and psnr.mean>=70 is not met;")


def test_scores_of_targets_that_share_probes_are_those_of_each_target() -> None:
    asked = request(target=70, require=["cambi.mean<=5"])
    probe_set = ProbeSet(asked, prober(), ignore)
    answers = [
        search_with(asked.at_target(target), probe_set).best_crf for target in (70.0, 85.0, 95.0)
    ]

    assert answers == [20, 15, 5]


def test_contradictions_are_those_of_vmaf_too_where_a_condition_binds() -> None:
    bumpy = replace(prober(), vmaf_of=lambda quality: 90 + (quality % 2))

    result = search(request(target=70, require=["cambi.mean<=5"]), bumpy)

    assert result.best_crf == 20
    assert NonMonotone(20, 21) in result.non_monotone
    assert result.vmaf_score == 90


@pytest.mark.parametrize("target", [80.0, 97.0])
def test_an_unproven_search_ends_with_an_answer_that_meets_all(target: float) -> None:
    result = search(request(target=target, require=["cambi.mean<=2"]), prober(), prove=False)

    assert result.ok
    assert all(one.ok for one in result.conditions)


@pytest.mark.parametrize("rise", [0.005, 0.02, 0.1, 0.5, 2.0])
def test_a_clip_whose_values_change_faster_or_slower_than_usual_takes_few_probes(
    rise: float,
) -> None:
    for crossing in range(14, 40, 3):
        asked = request(target=50, require=[f"cambi<={crossing * rise / 8 + rise / 16:.9f}"])
        own = replace(prober(), metrics_of=lambda quality: {"cambi": quality * rise / 8})

        result = search(asked, own)

        assert result.best_crf == crossing
        assert len(own.asked) <= 5
