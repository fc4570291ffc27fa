"""Wrong values of options, in words of ours instead of pydantic's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

__all__ = ["explain"]


def explain(error: typer.BadParameter) -> None:
    """Replace what Typer passes on of pydantic's message."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return
    fault = error.__cause__.errors(include_url=False)[0]
    match fault["type"].partition("_")[0], fault.get("ctx", {}):
        case "value", {"error": reason}:
            error.message = str(reason)
        case "greater", {"ge": least}:
            error.message = f"'{fault['input']}' is not a number from {least:g} up."
        case "int", _:
            error.message = f"'{fault['input']}' is not a whole number."
        case _:
            error.message = f"'{fault['input']}' is not a number."
