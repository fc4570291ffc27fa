"""Reads a page as a browser would."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from vmafx_tune.reports.charts.drawing import runtime

__all__ = ["Page", "without_runtime"]

_VOID = {"meta", "img"}


def without_runtime(text: str) -> str:
    """Leave out what draws the charts, which holds all kinds of numbers and names."""
    return text.replace(runtime(), "")


class Page(HTMLParser):
    """Checks that elements are balanced, and collects their texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    @property
    def chart(self) -> dict[str, Any]:
        """The description of the only chart."""
        (described,) = (text for text in self.texts["script"] if text.startswith("{"))
        found: dict[str, Any] = json.loads(described)
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data)
