"""What `ladder --titles` returns: one ladder for several titles, and what it costs each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vmafx_tune.results.record import PathText, Positive, Quality, Record, Result, Side, SizeText
from vmafx_tune.results.rung_choice import RungChoice

__all__ = ["CatalogueResult", "CatalogueRung", "CatalogueTitle", "TitleRung"]


@dataclass(frozen=True, kw_only=True)
class CatalogueRung(Record):
    """A rung of the common ladder: a resolution and a value of the quality knob."""

    width: Side
    """Of the encoded picture, in samples."""
    height: Side
    """Likewise."""
    crf: Quality
    """Value of the encoder's quality knob, for all titles."""
    bitrate_kbps: Positive
    """Geometric mean over the titles."""
    vmaf: float
    """Mean over the titles."""
    loss_percent: float
    """Mean over the titles: bitrate above that of the best resolution at the same VMAF."""


@dataclass(frozen=True, kw_only=True)
class TitleRung(Record):
    """What a rung gives one title."""

    bitrate_kbps: Positive
    """Interpolated between measured encodes of the title at the rung's resolution."""
    vmaf: float
    """Likewise."""
    loss_percent: float
    """Bitrate above that of the title's best resolution at the same VMAF; 0 for the best one."""


@dataclass(frozen=True, kw_only=True)
class CatalogueTitle(Record):
    """A title, and what the common ladder costs it."""

    src: PathText
    """The source, as its ladder names it."""
    loss_percent: float
    """Bitrate above that of its own ladder at equal VMAF, as the mean over the rungs."""
    rungs: tuple[TitleRung, ...]
    """What each rung gives it, in the order of `renditions`."""


@dataclass(frozen=True, kw_only=True)
class CatalogueResult(Result):
    """One ladder for all titles of a catalogue that are encoded in the same way."""

    command: ClassVar[str] = "catalogue"
    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    tool_version: str
    """Version of vmafx-tune."""
    encoder: str
    """ffmpeg's encoder name."""
    display: SizeText | None
    """Size at which viewers watch, as WxH."""
    model: str
    """Name of the VMAF model; empty where it is not known."""
    minimize: str
    """What the choice of resolutions keeps low: `mean` or `worst` loss of the titles."""
    renditions: tuple[CatalogueRung, ...]
    """The rungs of the common ladder, by ascending bitrate."""
    titles: tuple[CatalogueTitle, ...]
    """The titles, in the order in which they were named."""
    selection: RungChoice
    """How the rungs were chosen."""
    notes: tuple[str, ...] = ()
    """Sentences about what an engineer may want to change."""
