"""Text from elsewhere (file names, programs, servers), made safe for people to read."""

from __future__ import annotations

import re

__all__ = ["encodable", "one_line"]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# A terminal obeys control characters; marks of writing direction reorder what is read.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def encodable(text: str) -> str:
    """Replace what UTF-8 cannot hold: Python's stand-ins for undecodable bytes of a file name."""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """Make `text` safe to print: one line, without control characters that a terminal obeys."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(encodable(text).splitlines()))
