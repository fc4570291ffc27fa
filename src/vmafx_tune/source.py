"""The clip that a run is about, opened and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.parsing import is_url, parse_resolution
from vmafx_tune.scoring.pairing import check_source, check_woven

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.model import Resolution, Source
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.session import Session

__all__ = ["display_size", "open_source", "read_source"]

_EVEN_SUBSAMPLE = (
    "--subsample {n} is even, but encoders spend other bits on every 2nd, 4th or "
    "8th frame: the score may be off by 3 VMAF or more. Use an odd number, such as {odd}."
)


def read_source(path: str | Path, session: Session, probe: Callable[[Path], Source]) -> Source:
    """Probe a file, or what is at an http or https URL.

    Args:
        path: Where it is.
        session: Fetches it.
        probe: Reads the file, or the copy.

    Raises:
        UnreadableSourceError: It cannot be fetched, or is not a video.
        UsageError: The URL is not valid.
    """
    if not (isinstance(path, str) and is_url(path)):
        return probe(Path(path))
    copy = session.copy_of(path)
    try:
        return probe(copy)
    except UnreadableSourceError as error:
        from vmafx_tune.media.urls import public_url

        raise UnreadableSourceError(f"'{public_url(path)}' is not a video. {error}") from error


def open_source(path: str | Path, scoring: ScoringOptions | None, session: Session) -> Source:
    """Probe a source, put its filters before it, and say what a user should know of it.

    Raises:
        MediaError: It cannot be read, or is HDR without the user's consent.
        UsageError: Its filters do not fit it.
    """
    source = session.filtered(read_source(path, session, session.source))
    if scoring is not None and scoring.subsample % 2 == 0:
        session.warn(_EVEN_SUBSAMPLE.format(n=scoring.subsample, odd=scoring.subsample + 1))
    allow_hdr = scoring is not None and scoring.allow_hdr
    for note in check_source(source, allow_hdr=allow_hdr):
        session.warn(note)
    return source


def display_size(scoring: ScoringOptions, source: Source) -> Resolution:
    """Choose the size at which clips are compared.

    Raises:
        UsageError: The size asked for is none.
        FormatMismatchError: The source is interlaced, and would be scaled.
    """
    if not scoring.display:
        return source.resolution
    display = parse_resolution(scoring.display)
    check_woven(source, display)
    return display
