"""What people see of a gate."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.unit.gate.results import answer, ladder, score
from tests.unit.reports.factories import gate_result
from vmafx_tune.formatting import percent
from vmafx_tune.gate.run import gate
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


def test_what_is_as_bad_as_before_or_cannot_be_checked_is_not_called_ok() -> None:
    missed = answer(ok=False, vmaf=92.0, error="The range of crf ends at 51.")
    text = table_text(gate(missed, missed), width=120)
    assert re.search(r"Target reached .* as before\n", text)
    assert "Nothing regressed in 1 check." in text
    empty = replace(ladder(), hull=())
    found = gate(empty, empty)
    assert found.ok
    text = table_text(found, width=120)
    assert re.search(r"BD-rate .* not checked\n", text)
    made = len(found.checks) - 1
    assert f"Nothing regressed in {made} checks; 1 check could not be made." in text


def test_the_frame_that_dropped_most_is_not_called_the_worst() -> None:
    frames = list(score().frames)
    frames[3] = replace(frames[3], vmaf=frames[3].vmaf - 1)
    text = table_text(gate(score(frames=tuple(frames)), score()), width=120)
    assert re.search(r"VMAF of the frame that dropped most .* -1\.00 ", text)


def test_a_change_of_nothing_has_no_minus() -> None:
    found = gate(score(), score())
    assert "-0.0" not in table_text(found, width=120)
    assert [str(check.change) for check in found.checks] == ["0.0", "0.0"]
    assert found.checks[-1].message == "VMAF of no frame dropped."
    assert percent(-0.04) == "+0.0 %"


def test_a_page_shows_regressions_before_the_table() -> None:
    page = page_of(gate_result())
    assert page.index(f'<p class="failure">{SENTENCE}</p>') < page.index("<table>")
