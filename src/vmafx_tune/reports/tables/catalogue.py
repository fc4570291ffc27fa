"""`ladder --titles` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.reports.facts import Heading, Sheet
from vmafx_tune.reports.tables import facts_grid, plain, sheet_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.catalogue import CatalogueResult

__all__ = ["catalogue_parts"]

_TITLES = Heading("Title", number=False), Heading("Loss"), Heading("kb/s"), Heading("VMAF")
_RUNGS = (
    Heading("Size", number=False),
    Heading("Quality"),
    Heading("kb/s"),
    Heading("VMAF"),
    Heading("Loss"),
)


def catalogue_parts(result: CatalogueResult) -> Iterator[Part]:
    """Lay out a common ladder: what each title loses, notes, and last the rungs."""
    count = formatting.counted(len(result.titles), "title")
    yield plain(f"Ladder of {count} with {result.encoder}", "bold")
    yield ""
    yield facts_grid(
        [
            ("Scored", "" if result.display is None else f"at {result.display}"),
            ("Model", result.model),
            ("Minimized", f"{result.minimize} loss of the titles"),
        ]
    )
    yield ""
    yield sheet_grid(Sheet(_TITLES, tuple(_titles(result))))
    for note in result.notes:
        yield ""
        yield plain(note, "yellow")
    yield ""
    yield sheet_grid(Sheet(_RUNGS, tuple(_rungs(result))))


def _titles(result: CatalogueResult) -> Iterator[tuple[str, ...]]:
    for title in result.titles:
        ends = title.rungs[0], title.rungs[-1]
        yield (
            str(title.src),
            formatting.percent(title.loss_percent),
            " to ".join(formatting.rough_bitrate(rung.bitrate_kbps) for rung in ends),
            " to ".join(formatting.vmaf(rung.vmaf) for rung in ends),
        )


def _rungs(result: CatalogueResult) -> Iterator[tuple[str, ...]]:
    for rung in result.renditions:
        yield (
            f"{rung.width}x{rung.height}",
            formatting.quality(rung.crf),
            formatting.rough_bitrate(rung.bitrate_kbps),
            formatting.vmaf(rung.vmaf),
            formatting.percent(rung.loss_percent),
        )
