"""What people see of a batch."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from tests.unit.reports.batch_factories import batch_result
from tests.unit.reports.page import Page
from vmafx_tune.reports.html.pages import page_of
from vmafx_tune.reports.json_csv import batch_csv
from vmafx_tune.reports.tables import table_text

VERDICT = "1 done, 1 missed the target, 1 failed of 3 files; 1 of them by an earlier run."
SENTENCE = "films/three.avi: 'films/three.avi' is text, not video. Name a video file."


def test_a_table_has_a_line_for_each_source_that_is_not_done_and_the_counts() -> None:
    lines = table_text(batch_result()).splitlines()

    assert lines[2].split() == [
        *("deep/one", "done", "libx265", "23.5", "1,234.6", "95.01", "2.4", "MiB", "41.5", "%")
    ]
    assert SENTENCE in lines
    assert any(VERDICT in line for line in lines)


def test_columns_that_no_source_fills_are_left_out() -> None:
    assert "Rungs" not in table_text(batch_result())
    failed = replace(batch_result(), files=batch_result().files[2:])
    assert table_text(failed).splitlines()[0].split() == ["Source", "State"]


def test_a_page_has_the_counts_and_what_failed() -> None:
    page = page_of(batch_result())
    assert VERDICT in page
    assert SENTENCE.replace("'", "&#x27;") in page


def test_csv_has_a_row_for_each_source() -> None:
    rows = list(csv.DictReader(io.StringIO(batch_csv(batch_result()))))
    assert [row["state"] for row in rows] == ["done", "missed", "failed"]
    assert rows[0]["best_crf"] == "23.5"
    assert rows[2]["best_crf"] == rows[2]["result"] == ""


def test_a_page_shows_the_answer_of_each_source_that_has_one() -> None:
    chart = Page(page_of(batch_result())).chart
    answered = [file.name for file in batch_result().files if file.bitrate_kbps is not None]
    assert sorted(row["source"] for row in chart["data"]["values"]) == sorted(answered)
    assert "line" not in [layer["mark"]["type"] for layer in chart["layer"]]
