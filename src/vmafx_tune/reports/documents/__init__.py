"""The JSON contracts: one pydantic model per document, and what fills it from a result.

Fields are only ever added. Within each document, those that other tools rely on come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.reports.documents.compare import (
    CompareDocument,
    CompareTargetsDocument,
    compare_document,
)
from vmafx_tune.reports.documents.machine import (
    DoctorDocument,
    EncodersDocument,
    doctor_document,
    encoders_document,
)
from vmafx_tune.reports.documents.score import ScoreDocument, score_document
from vmafx_tune.reports.documents.search import SearchDocument, search_document
from vmafx_tune.results import (
    CompareResult,
    DoctorResult,
    EncodersResult,
    ScoreResult,
    SearchResult,
)

if TYPE_CHECKING:
    from vmafx_tune.reports.documents.fields import Document
    from vmafx_tune.reports.render import Result

__all__ = [
    "CompareDocument",
    "CompareTargetsDocument",
    "DoctorDocument",
    "EncodersDocument",
    "ScoreDocument",
    "SearchDocument",
    "document",
]


def document(result: Result, *, frames: bool = False) -> Document:
    """Write a result as its JSON document.

    Args:
        result: What a command returned.
        frames: Whether a result of `score` brings its per-frame scores.
    """
    match result:
        case ScoreResult():
            return score_document(result, frames=frames)
        case SearchResult():
            return search_document(result)
        case CompareResult():
            return compare_document(result)
        case EncodersResult():
            return encoders_document(result)
        case DoctorResult():
            return doctor_document(result)
