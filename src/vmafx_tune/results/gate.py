"""What `gate` returns: each check of a result, against a baseline or a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vmafx_tune._version import __version__
from vmafx_tune.results.record import PathText, Record, Result, Span

__all__ = ["Check", "GateResult", "NoiseFloor"]


@dataclass(frozen=True, kw_only=True)
class Check(Record):
    """One thing that was checked."""

    kind: str
    """vmaf, frames, bitrate, bd_rate, reached, proven, time, min_vmaf or min_p5."""
    subject: str
    """What of the result was checked, such as `libx265 at VMAF 93`; empty for all of it."""
    baseline: float | None = None
    """Value in the baseline; null where there is none."""
    current: float | None = None
    """Value in the current result; null where there is none."""
    change: float | None = None
    """From baseline to current, in VMAF points; in percent for `bitrate`, `bd_rate` and `time`. For
    `frames` the largest drop of a frame."""
    limit: float | None = None
    """The bound that it is held to, as it was given."""
    ok: bool
    """It keeps the bound, or there is an `exemption`."""
    exemption: Literal["as_before", "not_checked"] | None = None
    """Why it is no regression although nothing is well: it is as bad as in the baseline, or could
    not be checked; else null."""
    message: str
    """The same as a sentence."""


@dataclass(frozen=True)
class NoiseFloor(Record):
    """Differences in VMAF points that say nothing, as the builds of libvmaf differ by so much."""

    pooled: Span
    """Of pooled scores."""
    frame: Span
    """Of the scores of a frame."""


@dataclass(frozen=True, kw_only=True)
class GateResult(Result):
    """Whether a saved result holds up against a baseline, or against bounds."""

    command: ClassVar[str] = "gate"

    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    baseline: PathText | None
    """File of the baseline; null where there is none, or none was read."""
    current: PathText | None
    """File of the result that was checked; null where none was read."""
    results_of: str
    """The command that both are results of."""
    ok: bool
    """Nothing regressed."""
    checks: tuple[Check, ...]
    """Everything that was checked, in the order of the results."""
    noise: NoiseFloor | None
    """What differences between both scorers say nothing; null without a baseline."""
    tool_version: str = __version__
    """Version of vmafx-tune."""

    @property
    def regressions(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.ok)
