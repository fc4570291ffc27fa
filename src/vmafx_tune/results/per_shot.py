"""What `encode --per-shot` found: a setting for each shot, and the whole that they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from vmafx_tune.choices import PerShot
from vmafx_tune.results.measurement import PooledScores, WorstSecond
from vmafx_tune.results.record import (
    Command,
    Count,
    NotNegative,
    OmittedWhenEmpty,
    Quality,
    Record,
    Span,
    one_of,
)

__all__ = ["PerShotEncode", "Shot"]


@dataclass(frozen=True, kw_only=True)
class Shot(Record):
    """A part of the source between two cuts, and what it was encoded at."""

    first_frame: NotNegative
    """Counts the source's frames from 0; its encode begins with a keyframe."""
    n_frames: Count
    """Its length."""
    start_s: Span
    """First frame over frame rate, in seconds."""
    crf: Quality
    """Value of the encoder's quality knob."""
    bitrate_kbps: float
    """Video packets' bits over frames / frame rate."""
    size_bytes: int
    """Sum of the video packets' sizes."""
    vmaf_score: float
    """Pooled score of the shot, encoded and scored by itself."""
    encode_command: Command
    """Shell command that reproduces its encode."""


@dataclass(frozen=True, kw_only=True)
class PerShotEncode(Record):
    """The encode that joins the shots, held against the best single setting."""

    mode: Annotated[PerShot, one_of(PerShot)]
    """What is equal in all shots: `slope` or `constant`."""
    delivered: bool
    """It is what the delivered file has, as it takes fewer bits than the single setting."""
    bitrate_kbps: float
    """Average video bitrate."""
    size_bytes: int
    """Sum of the video packets' sizes."""
    vmaf_score: float
    """Pooled score of the joined encode, measured as a whole; it reaches the target."""
    vmaf_pooled: PooledScores
    """Every pooling of its scores."""
    worst_second: WorstSecond | None
    """Its worst second; null where frames were left out of scoring."""
    saving_percent: float
    """How far its bitrate is below that of the single setting; negative where it is above."""
    shots: tuple[Shot, ...]
    """All of the source, in order."""
    probes: Count
    """Settings of shots that were measured, of all shots together."""
    new_probes: int
    """Those that were encoded by this run; the others were cached."""
    grid_probes: Count
    """Settings that all shots together have, within the range of the search."""
    measured_wholes: Count
    """Times that shots were joined and measured as a whole."""
    join_command: Command
    """Shell command that joins the shots' encodes, after their own commands."""
    metrics: OmittedWhenEmpty[dict[str, float | None]] = field(default_factory=dict)
    """With --require: what the joined encode has for each condition, by metric and pooling, such as
    vmaf.p5; null where equal pictures make it infinite."""
