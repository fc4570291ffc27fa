"""Saved ladders that commands read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.files import read_input, read_standard_input

if TYPE_CHECKING:
    from vmafx_tune.results.ladder import LadderResult

__all__ = ["saved_ladder"]


def saved_ladder(name: str) -> LadderResult:
    """Read a ladder from a file; `-` is standard input.

    Raises:
        InvalidLadderError: It cannot be read, or is not a ladder.
    """
    from vmafx_tune.reports.saved_ladder import read_ladder

    shown = "standard input" if name == "-" else f"'{name}'"
    try:
        data = read_standard_input() if name == "-" else read_input(Path(name))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidLadderError(f"The ladder in {shown} cannot be read: {reason}.") from error
    return read_ladder(_decoded(data, shown), shown)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidLadderError(f"{name} is not a ladder in JSON: it is not text.") from error
