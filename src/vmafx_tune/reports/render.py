"""One way in: a result and the name of a format give text.

Importing this is cheap; what a format needs is imported when it is asked for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import UsageError
from vmafx_tune.results import (
    CompareResult,
    DoctorResult,
    EncodersResult,
    ScoreResult,
    SearchResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.results import Result

__all__ = ["FORMATS", "formats_of", "render"]

FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "score": ("table", "json", "csv"),
        "search": ("table", "json"),
        "compare": ("table", "json", "markdown", "csv", "html"),
        "encoders": ("table", "json"),
        "doctor": ("table", "json"),
    }
)
"""The formats that each command's result can be written in."""

_COMMANDS: Mapping[type[Any], str] = MappingProxyType(
    {
        ScoreResult: "score",
        SearchResult: "search",
        CompareResult: "compare",
        EncodersResult: "encoders",
        DoctorResult: "doctor",
    }
)


def formats_of(result: Result) -> tuple[str, ...]:
    """Return the formats that a result can be written in."""
    return FORMATS[_COMMANDS[type(result)]]


def render(result: Result, fmt: str, *, frames: bool = False, terminal: bool = False) -> str:
    """Write a result as text, with a newline at its end.

    Args:
        result: What a command returned.
        fmt: One of `FORMATS`, for the command that returned it.
        frames: Whether a result of `score` brings its per-frame scores.
        terminal: Whether a table is for the terminal, with its width and colours, or for a file.

    Raises:
        UsageError: The result cannot be written in that format.
    """
    formats = formats_of(result)
    if fmt not in formats:
        raise UsageError(f"'{fmt}' is not a format. Choose one of {', '.join(formats)}.")
    if fmt == "table":
        return _table(result, frames=frames, terminal=terminal)
    if fmt == "json":
        return _json(result, frames=frames)
    if isinstance(result, ScoreResult):
        return _score_csv(result, frames=frames)
    assert isinstance(result, CompareResult)
    return _comparison(result, fmt)


def _table(result: Result, *, frames: bool, terminal: bool) -> str:
    from vmafx_tune.reports.tables import table_text, terminal_text

    write = terminal_text if terminal else table_text
    return write(result, frames=frames)


def _json(result: Result, *, frames: bool) -> str:
    from vmafx_tune.reports.documents import document
    from vmafx_tune.reports.json_text import dumps

    return dumps(document(result, frames=frames))


def _score_csv(result: ScoreResult, *, frames: bool) -> str:
    from vmafx_tune.reports.csv_text import score_csv, score_frames_csv

    return score_frames_csv(result) if frames else score_csv(result)


def _comparison(result: CompareResult, fmt: str) -> str:
    if fmt == "csv":
        from vmafx_tune.reports.csv_text import compare_csv

        return compare_csv(result)
    if fmt == "markdown":
        from vmafx_tune.reports.markdown import compare_markdown

        return compare_markdown(result)
    from vmafx_tune.reports.html import compare_html

    return compare_html(result)
