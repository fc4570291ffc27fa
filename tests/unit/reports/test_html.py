"""A comparison as a page."""

from __future__ import annotations

import re

from tests.unit.reports import factories
from tests.unit.reports.page import Page
from vmafx_tune.reports.facts import HDR_NOTE
from vmafx_tune.reports.html.pages import compare_html


def test_the_page_is_balanced() -> None:
    assert Page(compare_html(factories.full_compare_result())).open == []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = Page(compare_html(factories.full_compare_result()))
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "href", "srcset", "data"})
    assert "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]


def test_every_row_is_in_its_table() -> None:
    cells = Page(compare_html(factories.full_compare_result())).texts["td"]
    assert cells[:9] == [
        "1", "libx265", "26", "90.39", "292.2", "-32.8 %", "1.98 s", "126 fps", "27: 89.81",
    ]  # fmt: skip
    assert cells.count("failed") == 2
    assert cells.count("unreachable") == 1


def test_failures_and_missing_bd_rates_are_told() -> None:
    told = Page(compare_html(factories.full_compare_result())).texts["p"]
    assert f"libx265 at 93: {factories.UNREACHED}" in told
    assert any(line.startswith("h264_nvenc has 0 usable points") for line in told)


def test_the_chart_marks_answers_and_targets() -> None:
    page = compare_html(factories.full_compare_result())
    assert page.count('class="answer"') == 3
    assert page.count('class="target"') == 2
    assert "<title>libx264 26: VMAF 90.39, 434.9 kb/s</title>" in page


def test_commands_can_be_copied_as_they_are() -> None:
    result = factories.compare_result(path="clips/it's <here>.mp4")
    commands = Page(compare_html(result)).texts["code"]
    assert len(commands) == 3
    assert """-i 'clips/it'"'"'s <here>.mp4' -map""" in commands[0]


def test_a_path_cannot_inject_markup() -> None:
    page = compare_html(factories.compare_result(path='<script>alert(1)</script>"$title.mp4'))
    assert re.findall(r"<script>", page) == ["<script>"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;$title.mp4" in page


def test_a_comparison_without_probes_has_no_chart_and_no_commands() -> None:
    page = compare_html(factories.compare_result(rows=(factories.unavailable_row(),)))
    assert "<svg" not in page
    assert "<code>" not in page


def test_an_hdr_source_is_noted() -> None:
    assert HDR_NOTE in compare_html(factories.compare_result(transfer="smpte2084"))
