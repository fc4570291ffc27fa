"""The JSON contracts: one pydantic model per document, and what fills it from a result.

Fields are only ever added. Within each document, those that other tools rely on come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.results.compare import CompareResult
from vmafx_tune.results.ladder import LadderResult
from vmafx_tune.results.search import SearchResult

if TYPE_CHECKING:
    from vmafx_tune.reports.documents.fields import Document

__all__ = ["document"]


def document(result: SearchResult | CompareResult | LadderResult) -> Document:
    """Write a result as its JSON document."""
    # Models take time to build, so that only those of the document asked for are.
    match result:
        case SearchResult():
            from vmafx_tune.reports.documents.search import search_document

            return search_document(result)
        case CompareResult():
            from vmafx_tune.reports.documents.compare import compare_document

            return compare_document(result)
        case LadderResult():
            from vmafx_tune.reports.documents.ladder import ladder_document

            return ladder_document(result)
