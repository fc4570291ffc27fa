"""Documents as JSON text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmafx_tune.reports.documents.fields import Document

__all__ = ["dumps"]


def dumps(document: Document) -> str:
    """Write a document as RFC 8259 JSON.

    Two-space indent, a newline at the end, characters outside ASCII as they are, and null for
    numbers that are not finite.
    """
    return f"{document.model_dump_json(indent=2)}\n"
