"""`encode` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune.reports import search_facts
from vmafx_tune.reports.tables import facts_grid, plain, sheet_grid
from vmafx_tune.reports.tables.search import searched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.encode import EncodeResult

__all__ = ["encode_parts"]


def encode_parts(result: EncodeResult) -> Iterator[Part]:
    """Lay out an encode: what was searched, every probe, notes; and last what was delivered."""
    yield from searched(result, with_time=False)
    if result.per_shot is not None:
        yield ""
        yield sheet_grid(search_facts.shot_sheet(result.per_shot, result.codec))
        if more := search_facts.more_shots(result.per_shot):
            yield plain(more, "dim")
    yield ""
    if not result.ok:
        yield plain(result.error or "", "red")
    if result.output is None:
        yield plain("Nothing was written.", "red")
        return
    yield Text.assemble((str(result.output.path), "bold green"), " is written and verified")
    yield facts_grid(search_facts.delivery(result, result.output))
