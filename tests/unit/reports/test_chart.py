"""The rate-quality chart."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmafx_tune.reports.html.chart import ChartPoint, Series, rate_quality_svg

points = st.builds(
    ChartPoint,
    bitrate_kbps=st.floats(0.1, 1e6),
    vmaf=st.floats(-1, 110),
    label=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
    is_answer=st.booleans(),
)


def texts(svg: str) -> list[str | None]:
    return [element.text for element in ET.fromstring(svg).iter("text")]


@settings(deadline=None)
@given(
    series=st.lists(st.lists(points, min_size=1, max_size=6), min_size=1, max_size=10),
    targets=st.lists(st.floats(0, 110), max_size=3),
)
def test_every_point_and_target_lies_within_the_picture(
    series: list[list[ChartPoint]], targets: list[float]
) -> None:
    svg = rate_quality_svg([Series("x", tuple(one)) for one in series], targets)
    root = ET.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    xs = [float(e.attrib[k]) for e in root.iter() for k in ("cx", "x1", "x2") if k in e.attrib]
    ys = [float(e.attrib[k]) for e in root.iter() for k in ("cy", "y1", "y2") if k in e.attrib]
    assert all(0 <= x <= width for x in xs)
    assert all(0 <= y <= height for y in ys)


def test_a_line_follows_rising_bitrate_whatever_the_order_of_the_points() -> None:
    shuffled = Series("x", tuple(ChartPoint(kbps, 90, "") for kbps in (500, 100, 1000)))
    line = ET.fromstring(rate_quality_svg([shuffled], [])).find(".//polyline")
    assert line is not None
    xs = [float(point.split(",")[0]) for point in line.attrib["points"].split()]
    assert xs == sorted(xs)


@pytest.mark.parametrize("unusable", [math.nan, math.inf, 0.0, -1.0])
def test_points_without_a_usable_bitrate_are_left_out(unusable: float) -> None:
    series = Series("x", (ChartPoint(unusable, 90, "bad"), ChartPoint(100, 80, "good")))
    svg = rate_quality_svg([series], [])
    assert "good" in svg
    assert "bad" not in svg


def test_without_points_there_is_no_chart() -> None:
    assert rate_quality_svg([Series("x", ())], [90]) == ""


def test_one_point_makes_a_chart_with_readable_axes() -> None:
    labels = texts(rate_quality_svg([Series("x", (ChartPoint(1000, 90, ""),))], [90]))
    assert "1,000" in labels
    assert "90" in labels
    assert "target 90" in labels


def test_axes_have_round_numbers_over_several_decades() -> None:
    ends = (ChartPoint(12, 20, ""), ChartPoint(90000, 99, ""))
    labels = texts(rate_quality_svg([Series("x", ends)], []))
    assert {"100", "1,000", "10,000"} <= set(labels)
