"""The clip that a run is about, opened and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.core.alignment import check_source
from vmafx_tune.events import Warned
from vmafx_tune.parsing import is_url, parse_resolution

if TYPE_CHECKING:
    from vmafx_tune.events import Observer
    from vmafx_tune.model import Resolution, Source
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.wiring import Toolbox

__all__ = ["display_size", "open_source"]


def open_source(
    path: str | Path, scoring: ScoringOptions | None, box: Toolbox, observe: Observer
) -> Source:
    """Probe a source, and tell what a user should know of it.

    Raises:
        MediaError: It cannot be read, or is HDR without the user's consent.
    """
    source = (
        box.source_at(path) if isinstance(path, str) and is_url(path) else box.source(Path(path))
    )
    allow_hdr = scoring is not None and scoring.allow_hdr
    for note in check_source(source, allow_hdr=allow_hdr):
        observe(Warned(note))
    return source


def display_size(scoring: ScoringOptions, source: Source) -> Resolution:
    """Choose the size at which clips are compared.

    Raises:
        UsageError: The size asked for is none.
    """
    return parse_resolution(scoring.display) if scoring.display else source.resolution
