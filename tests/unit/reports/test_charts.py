"""Charts: what they show, and that each of their forms is made from one description."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reports import factories
from tests.unit.reports.page import Page
from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.reports.charts import drawing
from vmafx_tune.reports.charts.frame_scores import thinned
from vmafx_tune.reports.charts.rate_quality import ChartPoint, Series, rate_quality
from vmafx_tune.reports.charts.results import chart_of
from vmafx_tune.reports.html.pages import page_of, summary_page

if TYPE_CHECKING:
    from vmafx_tune.reports.charts.style import Chart

points = st.builds(
    ChartPoint,
    bitrate_kbps=st.floats(0.1, 1e6),
    vmaf=st.floats(-1, 110),
    crf=st.floats(0, 63),
    is_answer=st.booleans(),
)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)


def chart_with(*series: Series, targets: tuple[float, ...] = ()) -> Chart:
    chart = rate_quality(series, targets, hint="A hint.")
    assert chart is not None
    return chart


def texts(chart: Chart) -> set[str | None]:
    drawn = ET.fromstring(drawing.svg(chart, "A title"))
    return {element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")}


@settings(deadline=None)
@given(
    series=st.lists(st.lists(points, min_size=1, max_size=6), min_size=1, max_size=10),
    targets=st.lists(st.floats(0, 110), max_size=3),
)
def test_every_point_and_target_lies_within_the_axes(
    series: list[list[ChartPoint]], targets: list[float]
) -> None:
    named = [Series("x", "libx264", tuple(one)) for one in series]
    spec = chart_with(*named, targets=tuple(targets)).spec
    kbps, vmaf = (spec["encoding"][axis]["scale"]["domain"] for axis in "xy")
    rows = spec["data"]["values"]
    assert all(kbps[0] <= row["kbps"] <= kbps[1] for row in rows)
    assert all(vmaf[0] <= score <= vmaf[1] for score in (*(row["vmaf"] for row in rows), *targets))


@pytest.mark.parametrize("unusable", [math.nan, math.inf, 0.0, -1.0])
def test_points_without_a_usable_bitrate_are_left_out(unusable: float) -> None:
    series = Series("x", "libx264", (ChartPoint(unusable, 90, 1), ChartPoint(100, 80, 2)))
    assert [row["quality"] for row in chart_with(series).spec["data"]["values"]] == ["2"]


def test_without_points_there_is_no_chart() -> None:
    assert rate_quality([Series("x", "libx264", ())], [90], hint="") is None


def test_one_point_makes_a_chart_with_readable_axes() -> None:
    chart = chart_with(Series("x", "libx264", (ChartPoint(1000, 90, 26),)), targets=(90,))
    assert {"1,000", "90", "target 90", "A title", "kb/s", "VMAF"} <= texts(chart)


def test_axes_have_round_numbers_over_several_decades() -> None:
    ends = (ChartPoint(12, 20, 50), ChartPoint(90000, 99, 1))
    assert {"100", "1,000", "10,000"} <= texts(chart_with(Series("x", "libx264", ends)))


@settings(deadline=None, max_examples=20)
@given(name=names, title=names)
def test_a_chart_is_drawn_whatever_its_names_are(name: str, title: str) -> None:
    chart = chart_with(Series(name, "x", (ChartPoint(100, 80, 26), ChartPoint(200, 90, 20))))
    ET.fromstring(drawing.svg(chart, title))


def test_pictures_have_the_colours_of_a_light_page() -> None:
    chart = chart_of(factories.full_compare_result())
    assert chart is not None
    drawn = drawing.svg(chart, "A title")
    assert b"var(--" not in drawn
    assert b'"#0b57d0"' in drawn
    assert drawing.png(chart, "A title").startswith(b"\x89PNG\r\n")


def test_a_search_shows_its_target_and_its_answer() -> None:
    rows = Page(page_of(factories.search_result())).chart["data"]["values"]
    assert [row["quality"] for row in rows if row["answer"]] == ["26"]


@given(
    scores=st.lists(st.floats(0, 100), min_size=1, max_size=400),
    most=st.integers(2, 60),
)
def test_thinning_keeps_the_worst_and_the_best_frame_and_the_order(
    scores: list[float], most: int
) -> None:
    frames = list(enumerate(scores))
    kept = thinned(frames, most)
    assert kept == sorted(set(kept) & set(frames))
    assert len(kept) <= max(most, 1)
    for extreme in (min(scores), max(scores)):
        assert extreme in [score for _, score in kept]


@pytest.fixture
def _nothing_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> object:
        return None if name == "vl_convert" else find_spec(name)

    monkeypatch.setattr(drawing, "find_spec", without)


@pytest.mark.usefixtures("_nothing_draws")
def test_without_the_extra_a_page_has_the_chart_as_a_table_and_says_what_to_install() -> None:
    text = page_of(factories.full_compare_result())
    page = Page(text)
    told = [line for line in page.texts["p"] if "pip install 'vmafx-tune[report]'" in line]
    assert len(told) == 1
    assert page.texts["td"][:4] == ["libx265", "32", "140.4", "86.57"]
    assert 'class="vega"' not in text
    assert "Vega" not in text


@pytest.mark.usefixtures("_nothing_draws")
def test_without_the_extra_a_picture_is_refused_with_what_to_install() -> None:
    chart = chart_of(factories.full_compare_result())
    assert chart is not None
    with pytest.raises(ToolNotFoundError, match=r"pip install 'vmafx-tune\[report\]'"):
        drawing.png(chart, "A title")


@pytest.mark.parametrize("n_results", [1, 14, 60])
def test_a_page_of_many_long_scores_stays_small(n_results: int) -> None:
    scores = factories.score_set(n_frames=20_000)
    result = replace(factories.score_result(scores=scores), frame_rate=Fraction(25))
    text = summary_page("Scores", {f"{number}.json": result for number in range(n_results)})
    assert len(text.encode()) <= 3_000_000
