from __future__ import annotations

import math

import pytest

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.results.rung_choice import RungChoice


@pytest.mark.parametrize("max_rungs", [0, -1])
def test_a_ladder_needs_a_rung(max_rungs: int) -> None:
    with pytest.raises(
        InvalidLadderError, match=f"maximum number of rungs is {max_rungs}, .* at least 1"
    ):
        RungChoice(max_rungs=max_rungs)


@pytest.mark.parametrize("gap", [-1.0, math.nan, math.inf])
def test_a_gap_is_a_number_from_zero(gap: float) -> None:
    with pytest.raises(InvalidLadderError, match="minimum gap between bitrates"):
        RungChoice(min_bitrate_gap_kbps=gap)


@pytest.mark.parametrize("step", [0.0, -6.0, math.nan, math.inf])
def test_a_vmaf_step_is_a_number_above_zero(step: float) -> None:
    with pytest.raises(InvalidLadderError, match="VMAF step between rungs"):
        RungChoice(vmaf_step=step)


@pytest.mark.parametrize("factor", [0.0, 1.1, math.nan])
def test_a_safety_factor_is_a_share(factor: float) -> None:
    with pytest.raises(InvalidLadderError, match="safety factor"):
        RungChoice(safety_factor=factor)


def test_the_optimal_spacing_needs_viewers() -> None:
    with pytest.raises(InvalidLadderError, match="'optimal' needs the viewers' throughput"):
        RungChoice(spacing=Spacing.OPTIMAL)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (95.5, 95.0, "lowest VMAF, 95.5, is above its highest, 95"),
        (math.nan, None, "VMAF limit of a ladder is nan"),
        (None, math.inf, "VMAF limit of a ladder is inf"),
    ],
)
def test_limits_that_make_no_range_are_refused(
    low: float | None, high: float | None, message: str
) -> None:
    with pytest.raises(InvalidLadderError, match=message):
        RungChoice(min_vmaf=low, max_vmaf=high)


def test_bitrate_limits_must_make_a_range_too() -> None:
    with pytest.raises(InvalidLadderError, match="lowest bitrate, 500, is above its highest, 400"):
        RungChoice(min_bitrate_kbps=500, max_bitrate_kbps=400)
