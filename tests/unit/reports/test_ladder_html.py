"""A ladder as a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.reports import ladder_factories as factories
from tests.unit.reports.page import Page
from vmafx_tune.reports.facts import HDR_NOTE
from vmafx_tune.reports.html.pages import page_of

if TYPE_CHECKING:
    from vmafx_tune.results.ladder import LadderResult

RESULTS = [
    factories.ladder_result(),
    factories.unreachable_ladder_result(),
    factories.failed_ladder_result(),
    factories.bare_ladder_result(),
    factories.ladder_result(renditions=()),
]


@pytest.mark.parametrize("result", RESULTS)
def test_the_page_is_balanced(result: LadderResult) -> None:
    assert Page(page_of(result)).open == []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = Page(page_of(factories.ladder_result()))
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "href", "srcset", "data"})
    assert "url(" not in page.texts["style"][0]


def test_rungs_and_cells_are_in_their_tables() -> None:
    cells = Page(page_of(factories.ladder_result())).texts["td"]
    assert cells[:6] == ["1", "640x360", "31", "243.1", "334.3", "71.04"]
    assert cells[-4:] == ["640x360", "244 @ 31", "1,013 @ 17", "max 91.27"]


def test_the_chart_has_a_line_per_resolution_the_hull_and_numbered_rungs() -> None:
    chart = Page(page_of(factories.ladder_result())).chart
    rows = chart["data"]["values"]
    assert [*dict.fromkeys(row["series"] for row in rows)] == ["1280x720", "960x540", "640x360"]
    assert sorted(row["tag"] for row in rows if row["answer"]) == ["1", "2", "3", "4"]
    assert len(chart["layer"][0]["data"]["values"]) == len(factories.ladder_result().hull)
    assert ("24", "2,466.1", "94.42") in [
        (row["quality"], row["rate"], row["score"]) for row in rows
    ]


def test_rungs_that_a_saved_ladder_has_beside_its_cells_are_drawn() -> None:
    rows = Page(page_of(factories.bare_ladder_result())).chart["data"]["values"]
    assert sum(row["answer"] for row in rows) == 4


def test_failures_and_notes_are_told() -> None:
    told = Page(page_of(factories.ladder_result())).texts["p"]
    assert f"640x360 at 95: {factories.UNREACHABLE}" in told
    assert factories.NOTES[0] in told


def test_commands_can_be_copied_as_they_are() -> None:
    commands = Page(page_of(factories.ladder_result("it's <here>.mp4"))).texts["code"]
    assert len(commands) == 4
    assert """-i 'it'"'"'s <here>.mp4' -map""" in commands[0]


def test_nothing_measured_gives_no_chart_and_says_so() -> None:
    page = page_of(factories.failed_ladder_result())
    assert 'class="vega"' not in page
    assert "There are no rungs: nothing was measured." in page
    assert "<code>" not in page


def test_names_cannot_inject_markup() -> None:
    hostile = '<script>alert(1)</script>"`|\n$title'
    page = page_of(factories.ladder_result(f"{hostile}.mp4", encoder=hostile, notes=(hostile,)))
    assert Page(page).open == []
    assert page.count("<script>") == page_of(factories.ladder_result()).count("<script>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;`| $title.mp4" in page


def test_an_hdr_source_is_noted() -> None:
    full = factories.ladder_result()
    assert HDR_NOTE in page_of(replace(full, hdr=True))
