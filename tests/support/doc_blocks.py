"""The code of the documentation, as what can be run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Block", "blocks_of", "commands_of"]

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?(?:<!-- [\w-]+ -->\n)?"
    r"```(?P<language>sh|console|python)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block of shell or Python.

    Attributes:
        line: Where it begins in its page.
        language: `sh` or `python`.
        text: What to run; of a console's, what was typed.
        not_run: Why it cannot be run in a test; None where it is.
    """

    line: int
    language: str
    text: str
    not_run: str | None


def blocks_of(page: Path) -> list[Block]:
    """Find the blocks of a page that hold commands or Python.

    `<!-- not run: REASON -->` in the line before a block keeps it from being run.
    """
    source = page.read_text(encoding="utf-8")
    return [
        Block(
            source.count("\n", 0, match.start()) + 1,
            "python" if match["language"] == "python" else "sh",
            _typed(match["text"]) if match["language"] == "console" else match["text"],
            match["reason"],
        )
        for match in _BLOCK.finditer(source)
    ]


def commands_of(block: Block) -> list[str]:
    """Find the commands of this program in a block of shell, each on one line."""
    joined = block.text.replace("\\\n", " ")
    return re.findall(r"\bvmafx-tune ([a-z]+ [^|;&#\n]*)", joined) if block.language == "sh" else []


def _typed(session: str) -> str:
    lines = (line.removeprefix("$ ") for line in session.splitlines() if line.startswith("$ "))
    return "\n".join(lines) + "\n"
