"""A comparison as a page."""

from __future__ import annotations

from tests.unit.reports import factories
from tests.unit.reports.page import Page
from vmafx_tune.reports.facts import HDR_NOTE
from vmafx_tune.reports.html.pages import page_of


def test_the_page_is_balanced() -> None:
    assert Page(page_of(factories.full_compare_result())).open == []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = Page(page_of(factories.full_compare_result()))
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "href", "srcset", "data"})
    assert "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]


def test_every_row_is_in_its_table() -> None:
    cells = Page(page_of(factories.full_compare_result())).texts["td"]
    assert cells[:9] == [
        "1", "libx265", "26", "90.39", "292.2", "-32.8 %", "1.98 s", "126 fps", "27: 89.81",
    ]  # fmt: skip
    assert cells.count("failed") == 2
    assert cells.count("unreachable") == 1


def test_failures_and_missing_bd_rates_are_told() -> None:
    told = Page(page_of(factories.full_compare_result())).texts["p"]
    assert f"libx265 at 93: {factories.UNREACHED}" in told
    assert any(line.startswith("h264_nvenc has 0 usable points") for line in told)


def test_the_chart_marks_answers_and_targets() -> None:
    chart = Page(page_of(factories.full_compare_result())).chart
    rows = chart["data"]["values"]
    assert sum(row["answer"] for row in rows) == 3
    (line,) = (layer for layer in chart["layer"] if layer["mark"]["type"] == "rule")
    labels = [row["label"] for row in line["data"]["values"]]
    assert labels == ["target 90", "target 93"]
    shown = [(row["series"], row["quality"], row["score"], row["rate"]) for row in rows]
    assert ("libx264", "26", "90.39", "434.9") in shown


def test_commands_can_be_copied_as_they_are() -> None:
    result = factories.compare_result(path="clips/it's <here>.mp4")
    commands = Page(page_of(result)).texts["code"]
    assert len(commands) == 3
    assert """-i 'clips/it'"'"'s <here>.mp4' -map""" in commands[0]


def test_a_path_cannot_inject_markup() -> None:
    page = page_of(factories.compare_result(path='<script>alert(1)</script>"$title.mp4'))
    assert page.count("<script>") == page_of(factories.compare_result()).count("<script>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;$title.mp4" in page


def test_a_comparison_without_probes_has_no_chart_and_no_commands() -> None:
    page = page_of(factories.compare_result(rows=(factories.unavailable_row(),)))
    assert 'class="vega"' not in page
    assert "<code>" not in page


def test_an_hdr_source_is_noted() -> None:
    assert HDR_NOTE in page_of(factories.compare_result(transfer="smpte2084"))
