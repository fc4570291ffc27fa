"""A score just below its target reads below it, wherever it is told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.reports.factories import compare_result, search_result
from vmafx_tune.compare.engine import why_missed
from vmafx_tune.reports import facts
from vmafx_tune.reports.render import render
from vmafx_tune.results.compare import CompareRow
from vmafx_tune.search.engine import describe

if TYPE_CHECKING:
    from vmafx_tune.results.search import SearchResult


@pytest.fixture
def missed() -> SearchResult:
    """A search for 90 whose best is the next number below it."""
    found = search_result(target=99.0)
    best = math.nextafter(90.0, 0.0)
    return replace(found, target=90.0, vmaf=best, vmafs=tuple(best for _ in found.vmafs))


def test_sentences_tell_a_miss_as_a_miss(missed: SearchResult) -> None:
    for sentence in (why_missed(missed, "crf"), facts.missed(missed)):
        assert "VMAF 90 is not reached; the best is 89.99 at" in sentence
    assert describe(missed, "crf").startswith("missed 90: best is VMAF 89.99 at")


def test_tables_tell_a_miss_as_a_miss(missed: SearchResult) -> None:
    table = render(missed, "table")
    assert "89.99" in table
    assert "90.00" not in table


@pytest.mark.parametrize("fmt", ["table", "markdown", "html"])
def test_comparisons_tell_a_miss_as_a_miss(missed: SearchResult, fmt: str) -> None:
    row = CompareRow(
        missed.encoder, 90.0, missed, error=why_missed(missed, "crf"), error_kind="unreachable"
    )
    text = render(replace(compare_result(), rows=(row,), targets=(90.0,)), fmt)
    assert "89.99" in text
    assert "90.00" not in text
