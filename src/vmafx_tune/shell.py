"""Commands as one line for a POSIX shell, whatever bytes are in them, and back.

What quotes cannot hold on one line of text is left to `printf`, which every shell has: control
characters, and bytes of file names that are not UTF-8. `$'…'` would be shorter, and dash, which is
`sh` on Debian and Ubuntu, does not know it.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["join", "split"]

_PRINTED = re.compile(r"\$\(printf '([^']*)'\)")
_OCTAL = re.compile(rb"\\([0-7]{3})|%%")
_BYTES = "\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udcff"
# What ends a line, and what a terminal obeys or is reordered by.
_MARKS = "\t\n\u200e\u200f\u2028-\u202e\u2066-\u2069"
_NEEDS_PRINTF = re.compile(f"[{_BYTES}]")
_NEEDS_ONE_LINE = re.compile(f"[{_MARKS}]")
_ESCAPED = re.compile(f"[{_BYTES}{_MARKS}\\\\'\"%$`]")


def join(argv: Sequence[str], *, one_line: bool = False) -> str:
    """Quote a command, so that pasting the text runs it.

    Args:
        argv: Its arguments; bytes that are not UTF-8 as Python's stand-ins for them.
        one_line: Whether line breaks within arguments are written as escapes too.
    """
    return " ".join(_quoted(argument, one_line=one_line) for argument in argv)


def split(text: str) -> tuple[str, ...]:
    """Split what `join` wrote, or another POSIX command line, into arguments.

    Raises:
        ValueError: A quotation is not closed.
    """
    return tuple(_unprinted(argument) for argument in shlex.split(text))


def _quoted(argument: str, *, one_line: bool) -> str:
    special = (
        _NEEDS_PRINTF.search(argument)
        or _PRINTED.fullmatch(argument)
        or (one_line and _NEEDS_ONE_LINE.search(argument))
    )
    # Shells drop line breaks from the end of what a command prints.
    if not special or argument.endswith("\n"):
        return shlex.quote(argument)
    return f"\"$(printf '{_ESCAPED.sub(_octal, argument)}')\""


def _octal(match: re.Match[str]) -> str:
    if match[0] == "%":
        return "%%"
    return "".join(f"\\{byte:03o}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _unprinted(argument: str) -> str:
    match = _PRINTED.fullmatch(argument)
    if match is None:
        return argument
    printed = match[1].encode("utf-8", "surrogateescape")
    return _OCTAL.sub(_byte, printed).decode("utf-8", "surrogateescape")


def _byte(match: re.Match[bytes]) -> bytes:
    return b"%" if match[1] is None else bytes([int(match[1], 8) & 0xFF])
