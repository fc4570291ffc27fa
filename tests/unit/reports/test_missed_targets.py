"""A score just below its target reads below it, wherever it is told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.unit.reports.factories import compare_result, row_of, without_answer
from tests.unit.reports.page import without_runtime
from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.reports.render import render
from vmafx_tune.search.engine import describe, search

if TYPE_CHECKING:
    from vmafx_tune.results.search import SearchResult


@pytest.fixture
def missed() -> SearchResult:
    """A search for 90 whose best is the next number below it."""
    best = math.nextafter(90.0, 0.0)
    return search(request(target=90.0), CurveProber(lambda _: best))


def test_sentences_tell_a_miss_as_a_miss(missed: SearchResult) -> None:
    assert "VMAF 90 is not reached; the best is 89.99 at" in str(missed.error)
    assert describe(missed, "crf").startswith("missed 90: best is VMAF 89.99 at")


def test_tables_tell_a_miss_as_a_miss(missed: SearchResult) -> None:
    table = render(missed, "table")
    assert "89.99" in table
    assert "90.00" not in table


@pytest.mark.parametrize("fmt", ["table", "markdown", "html"])
def test_comparisons_tell_a_miss_as_a_miss(missed: SearchResult, fmt: str) -> None:
    row = without_answer(row_of(missed, error_kind="unreachable"))
    text = without_runtime(render(compare_result(rows=(row,)), fmt))
    assert "89.99" in text
    assert "90.00" not in text
