"""Documents as JSON text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmafx_tune.reports.documents.fields import Document

__all__ = ["dumps", "in_ascii"]


def dumps(document: Document) -> str:
    """Write a document as RFC 8259 JSON.

    Two-space indent, a newline at the end, characters outside ASCII as they are, and null for
    numbers that are not finite.
    """
    return f"{document.model_dump_json(indent=2)}\n"


def in_ascii(text: str) -> str:
    """Write JSON text again, with everything outside of ASCII escaped."""
    return f"{json.dumps(json.loads(text), indent=2)}\n"
