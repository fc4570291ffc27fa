"""The JSON contracts: one pydantic model per document, and what fills it from a result.

Fields are only ever added. Within each document, those that other tools rely on come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.results import (
    CacheResult,
    CompareResult,
    DoctorResult,
    EncodersResult,
    LadderResult,
    RemoteScoreResult,
    ScoreResult,
    SearchResult,
)

if TYPE_CHECKING:
    from vmafx_tune.reports.documents.fields import Document
    from vmafx_tune.results import Result

__all__ = ["document"]


def document(result: Result, *, frames: bool = False) -> Document:
    """Write a result as its JSON document.

    Args:
        result: What a command returned.
        frames: Whether a result of `score` brings its per-frame scores.
    """
    # Models take time to build, so that only those of the document asked for are.
    match result:
        case ScoreResult():
            from vmafx_tune.reports.documents.score import score_document

            return score_document(result, frames=frames)
        case RemoteScoreResult():
            from vmafx_tune.reports.documents.remote_score import remote_score_document

            return remote_score_document(result)
        case SearchResult():
            from vmafx_tune.reports.documents.search import search_document

            return search_document(result)
        case CompareResult():
            from vmafx_tune.reports.documents.compare import compare_document

            return compare_document(result)
        case LadderResult():
            from vmafx_tune.reports.documents.ladder import ladder_document

            return ladder_document(result)
        case EncodersResult():
            from vmafx_tune.reports.documents.machine import encoders_document

            return encoders_document(result)
        case DoctorResult():
            from vmafx_tune.reports.documents.machine import doctor_document

            return doctor_document(result)
        case CacheResult():
            from vmafx_tune.reports.documents.cache import cache_document

            return cache_document(result)
