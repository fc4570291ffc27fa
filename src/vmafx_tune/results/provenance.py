"""How a result was measured: what the results of all commands that measure have in common."""

from __future__ import annotations

from dataclasses import dataclass

from vmafx_tune._version import __version__
from vmafx_tune.model import Comparison
from vmafx_tune.results.record import Count, PoolText, Result, SizeText, Span

__all__ = ["Provenance"]


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Provenance(Result):
    """What measured, how and of what; None where a saved result does not tell."""

    tool_version: str = __version__
    """Version of vmafx-tune."""
    model: str
    """Name of the VMAF model."""
    pool: PoolText | None
    """How frame scores are pooled."""
    display: SizeText | None
    """Size at which the encodes were scored, as WxH."""
    comparison: Comparison | None
    """What both clips were brought to before they were compared; null where nothing was scored."""
    subsample: Count | None
    """Every n-th frame was scored."""
    backend: str | None
    """What computed the scores: ffmpeg, libvmaf or vmaf."""
    backend_version: str | None
    """libvmaf's version; empty where it is not told."""
    hdr: bool
    """The source is PQ or HLG, for which no public VMAF model is validated."""
    filter: str
    """ffmpeg filters before the source, as for -vf: encodes are made of what leaves them, and
    compared with that; empty for none."""
    wall_time_ms: Span | None
    """Duration of the whole run."""
