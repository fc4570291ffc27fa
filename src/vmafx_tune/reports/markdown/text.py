"""Pieces of Markdown (GitHub's flavour) that hold any text as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmafx_tune.reports import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["bullets", "code", "escape", "hidden_commands", "table"]

# An underscore within a word, as in h264_nvenc, is no markup.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])")


def escape(value: str) -> str:
    """Write text, on one line, so that nothing in it is markup."""
    return _SPECIAL.sub(r"\\\g<0>", text.one_line(value))


def code(value: str) -> str:
    """Write text, on one line, as a code span."""
    # A code span takes no escapes; one more backtick than its text ever has in a row closes it.
    plain = text.one_line(value)
    ticks = "`" * (_longest_run(plain) + 1)
    padding = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{padding}{plain}{padding}{ticks}"


def bullets(lines: Iterable[str]) -> Iterable[str]:
    """Write one list of `lines`, which are Markdown, or nothing where there are none."""
    items = "\n".join(f"- {line}" for line in lines)
    return [items] if items else []


def table(columns: Sequence[str], alignment: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table.

    Args:
        columns: Headings, as Markdown.
        alignment: `---` or `---:` for each column.
        rows: One cell for each column, as Markdown.
    """
    lines = [columns, alignment, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def hidden_commands(labelled: Iterable[tuple[str, Sequence[str]]]) -> Iterable[str]:
    """Write encode commands as a block to unfold and copy, or nothing where there are none.

    Args:
        labelled: What each command gives, and its arguments.
    """
    commands = [f"# {text.one_line(label)}\n{text.command_line(argv)}" for label, argv in labelled]
    if not commands:
        return
    block = "\n\n".join(commands)
    fence = "`" * max(3, _longest_run(block) + 1)
    yield "<details>\n<summary>Encode commands</summary>"
    yield f"{fence}sh\n{block}\n{fence}"
    yield "</details>"


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall("`+", value)), default=0)
