from __future__ import annotations

import math
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.compare.bd_rate import bd_rate
from vmafx_tune.results.compare import BdPoints, Overlap

if TYPE_CHECKING:
    from types import ModuleType

Points = list[tuple[float, float]]

X264: Points = [(412.0, 71.2), (633.5, 80.1), (988.1, 87.4), (1570.2, 93.0), (2644.7, 96.8)]
X265: Points = [(301.4, 70.3), (455.0, 78.9), (702.7, 86.0), (1105.9, 91.7)]
SVT_AV1: Points = [(250, 68), (300, 74.5), (420, 80), (690, 88.2), (1001, 92.9), (1900, 97.1)]


@pytest.fixture(scope="module")
def bjontegaard() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the plotting library that comes along
        return import_module("bjontegaard")


def columns(points: Points) -> tuple[list[float], list[float]]:
    return [rate for rate, _ in points], [vmaf for _, vmaf in points]


@pytest.mark.parametrize(
    ("points", "anchor_points"),
    [(X265, X264), (X264, X265), (SVT_AV1, X264), (X265, SVT_AV1)],
    ids=["x265-x264", "x264-x265", "svt-x264", "x265-svt"],
)
def test_bd_rate_is_that_of_the_bjontegaard_package(
    bjontegaard: ModuleType, points: Points, anchor_points: Points
) -> None:
    expected = bjontegaard.bd_rate(
        *columns(anchor_points),
        *columns(points),
        method="pchip",
        require_matching_points=False,
        min_overlap=0,
    )

    result = bd_rate("tested", points, "anchor", anchor_points)

    assert result.percent == pytest.approx(float(expected), abs=1e-9)


def test_fewer_bits_are_negative_and_the_overlap_is_told() -> None:
    result = bd_rate("libx265", X265, "libx264", X264)

    assert result.percent is not None
    assert result.percent < -20
    assert result.overlap == Overlap(71.2, 91.7)
    assert result.points == BdPoints(4, 5)
    assert result.reason is None
    assert (result.codec, result.anchor) == ("libx265", "libx264")


def test_half_the_bits_are_minus_fifty_percent() -> None:
    halved = [(rate / 2, vmaf) for rate, vmaf in X264]

    assert bd_rate("a", halved, "b", X264).percent == pytest.approx(-50)


@pytest.mark.parametrize(
    "useless",
    [
        pytest.param((800.0, 75.0), id="dominated"),
        pytest.param((633.5, 80.1), id="repeated"),
        pytest.param((3000.0, 96.8), id="no better for more bits"),
        pytest.param((0.0, 50.0), id="no bits"),
        pytest.param((-5.0, 50.0), id="negative bits"),
        pytest.param((math.nan, 90.0), id="unknown bits"),
        pytest.param((math.inf, 99.0), id="infinite bits"),
        pytest.param((900.0, math.nan), id="unknown quality"),
    ],
)
def test_points_that_cannot_count_are_left_out(useless: tuple[float, float]) -> None:
    result = bd_rate("libx264", [useless, *X264], "libx265", X265)

    assert result == bd_rate("libx264", X264, "libx265", X265)


def test_a_curve_saturated_at_the_ceiling_keeps_its_cheapest_point_there() -> None:
    saturated = [*X264, (4000.0, 100.0), (6000.0, 100.0), (9000.0, 100.0)]

    result = bd_rate("libx264", saturated, "libx264", saturated)

    assert result.points == BdPoints(6, 6)
    assert result.percent == 0


def test_too_few_points_are_no_bd_rate_but_a_reason() -> None:
    result = bd_rate("libx265", X265[:3], "libx264", X264)

    assert result.percent is None
    assert result.overlap is None
    assert result.points == BdPoints(3, 5)
    assert result.reason == (
        "libx265 has 3 usable points where quality rises with bitrate, and BD-rate needs 4. "
        "Compare at more targets."
    )


def test_too_few_points_of_the_anchor_name_the_anchor() -> None:
    result = bd_rate("libx265", X265, "libx264", X264[:1])

    assert result.reason is not None
    assert result.reason.startswith("libx264 has 1 usable point where")


def test_no_points_at_all_are_no_bd_rate_but_a_reason() -> None:
    result = bd_rate("libx265", [], "libx264", [])

    assert result.percent is None
    assert result.points == BdPoints(0, 0)


@pytest.mark.parametrize("gap", [0.0, 5.0])
def test_curves_without_a_common_quality_are_no_bd_rate_but_a_reason(gap: float) -> None:
    above = [(rate, vmaf - X264[0][1] + X264[-1][1] + gap) for rate, vmaf in X264]

    result = bd_rate("tested", above, "anchor", X264)

    assert result.percent is None
    assert result.overlap is None
    assert result.reason is not None
    assert "anchor's scores (71.20 to 96.80) do not overlap" in result.reason
