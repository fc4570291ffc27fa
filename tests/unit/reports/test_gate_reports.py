"""What people see of a gate."""

from __future__ import annotations

from tests.unit.reports.factories import gate_result
from vmafx_tune.reports.html.pages import page_of
from vmafx_tune.reports.markdown import gate_markdown
from vmafx_tune.reports.tables import table_text

SENTENCE = "VMAF dropped by 3.5, from 93.5346 to 90.0346, more than --max-drop 0.5."


def test_a_table_ends_with_a_line_for_each_regression_and_the_verdict() -> None:
    *_, regression, verdict = table_text(gate_result(), width=40).splitlines()
    assert regression == SENTENCE
    assert verdict == "1 regression in 2 checks."


def test_markdown_begins_with_the_verdict_and_shows_all_checks() -> None:
    text = gate_markdown(gate_result())
    assert text.startswith("## score: score.json against baseline.json\n\n**1 regression in 2")
    assert f"- {SENTENCE}" in text
    assert "| score | VMAF | 93.53 | 90.03 | -3.50 | 0.5 | regressed |" in text
    assert "| score | 5th percentile at least |" in text


def test_a_page_shows_regressions_before_the_table() -> None:
    page = page_of(gate_result())
    assert page.index(f'<p class="failure">{SENTENCE}</p>') < page.index("<table>")
