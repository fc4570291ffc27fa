"""Scores that users ask for: what the model can give, and what was meant where it cannot."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.errors import UsageError
from vmafx_tune.model import VmafModel
from vmafx_tune.scoring.targets import checked_score, checked_targets

USUAL = VmafModel("vmaf_v0.6.1")
HIGHER = VmafModel("vmaf_v1.0.16_3d0h_2160", ceiling=110.0)
OPEN = VmafModel("mine", ceiling=math.inf)
SHARES = VmafModel("shares", ceiling=1.0)


@pytest.mark.parametrize(
    ("score", "meant"),
    [
        (0.95, "95"),
        (0.955, "95.5"),
        (0.1, "10"),
        (930.0, "93"),
        (9355.0, "93.55"),
        (950.5, "95.05"),
    ],
)
def test_a_score_on_another_scale_is_refused_with_what_was_meant(score: float, meant: str) -> None:
    with pytest.raises(
        UsageError, match=rf"vmaf_v0\.6\.1 goes from 0 to 100.*Did you mean {meant}\?"
    ):
        checked_score(score, USUAL, "A target")


@pytest.mark.parametrize("score", [0.0, -1.0, 0.05, 101.0, 110.5, math.nan, math.inf, -math.inf])
def test_a_score_that_means_nothing_is_refused_without_a_guess(score: float) -> None:
    with pytest.raises(UsageError, match="out of the model's range") as refused:
        checked_score(score, USUAL, "A target")
    assert "Did you mean" not in str(refused.value)


@pytest.mark.parametrize(
    ("score", "model"),
    [(1.0, USUAL), (100.0, USUAL), (110.0, HIGHER), (500.0, OPEN), (0.9, SHARES)],
)
def test_what_the_model_can_give_passes(score: float, model: VmafModel) -> None:
    assert checked_score(score, model, "A target") == score


@pytest.mark.parametrize(("score", "model"), [(110.1, HIGHER), (0.9, OPEN), (1.1, SHARES)])
def test_the_range_is_the_models_own(score: float, model: VmafModel) -> None:
    with pytest.raises(UsageError):
        checked_score(score, model, "A target")


@given(st.floats())
def test_any_number_is_in_range_or_refused(score: float) -> None:
    with suppress(UsageError):
        assert 1 <= checked_score(score, USUAL, "A target") <= 100


def test_targets_are_in_order_and_each_once() -> None:
    assert checked_targets([95, 80.5, 95], USUAL) == (80.5, 95.0)
