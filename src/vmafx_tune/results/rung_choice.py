"""How the rungs of a ladder are chosen: what the choice keeps to, and what a result tells of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.results.record import Count, Positive, Record, Share, SizeText, Span, one_of

__all__ = ["LENIENT", "RungChoice"]

LENIENT = {**Record.__pydantic_config__, "json_schema_serialization_defaults_required": False}
"""Configuration of records of which other tools may leave out what has a default."""


@dataclass(frozen=True, kw_only=True)
class RungChoice(Record):
    """How the rungs were chosen; null for no limit."""

    __pydantic_config__ = LENIENT

    spacing: Annotated[Spacing, one_of(Spacing)] = Spacing.KNEE
    """knee, log-bitrate, vmaf or optimal."""
    max_rungs: Count = 6
    """No ladder has more rungs."""
    min_bitrate_gap_kbps: Span = 100.0
    """Least distance between neighbours' bitrates; a quarter of the lower one where that is
    less."""
    vmaf_step: Positive = 6.0
    """VMAF points from rung to rung, for the spacing vmaf."""
    min_vmaf: float | None = None
    """No rung scores less."""
    max_vmaf: float | None = None
    """The top rung is the cheapest point that reaches this."""
    min_bitrate_kbps: float | None = None
    """No rung has a lower bitrate."""
    max_bitrate_kbps: float | None = None
    """No rung has a higher bitrate."""
    throughput: str | None = None
    """The viewers, for the spacing optimal: MEDIAN:SIGMA in kb/s, or a file."""
    safety_factor: Share = 1.0
    """Share of the throughput that players use."""
    mixed_resolutions: bool = False
    """Whether a rung may have fewer pixels than a rung below it."""
    include: tuple[SizeText, ...] = ()
    """Sizes that some rung has."""
    allow: tuple[SizeText, ...] = ()
    """The only sizes of rungs, beside those of include; empty for any."""
    min_top: SizeText | None = None
    """The top rung is at least as wide or as high."""
    min_bottom: SizeText | None = None
    """The bottom rung is at least as wide or as high."""
    min_step_ratio: Positive | None = None
    """Neighbours' bitrates differ by no lower factor."""
    max_step_ratio: Positive | None = None
    """Neighbours' bitrates differ by no higher factor."""
    min_rungs: Count | None = None
    """No ladder has fewer rungs."""

    @property
    def has_rules(self) -> bool:
        """Whether there is a rule on sizes, on steps, or on the least number of rungs."""
        return bool(
            self.include
            or self.allow
            or self.min_top
            or self.min_bottom
            or self.min_step_ratio
            or self.min_rungs
        )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidLadderError: One makes no ladder.
        """
        if self.max_rungs < 1:
            raise InvalidLadderError(
                f"The maximum number of rungs is {self.max_rungs}, but it must be at least 1."
            )
        if not 0 <= self.min_bitrate_gap_kbps < math.inf:
            raise InvalidLadderError(
                f"The minimum gap between bitrates is {self.min_bitrate_gap_kbps:g} kb/s, but it "
                "must be zero or more."
            )
        if not 0 < self.vmaf_step < math.inf:
            raise InvalidLadderError(
                f"The VMAF step between rungs is {self.vmaf_step:g}, but it must be above zero."
            )
        if not 0 < self.safety_factor <= 1:
            raise InvalidLadderError(
                f"The safety factor is {self.safety_factor:g}, but players use a share of their "
                "throughput: more than 0 and at most 1."
            )
        if self.spacing is Spacing.OPTIMAL and self.throughput is None:
            raise InvalidLadderError(
                f"The spacing '{Spacing.OPTIMAL}' needs the viewers' throughput: its median and "
                "sigma, or measured values. Give them with --throughput."
            )
        _require_rules(self)
        _require_range("VMAF", self.min_vmaf, self.max_vmaf)
        _require_range("bitrate", self.min_bitrate_kbps, self.max_bitrate_kbps)


def _require_rules(choice: RungChoice) -> None:
    """Refuse rules that no ladder of any title keeps."""
    if not (choice.min_rungs or 1) <= choice.max_rungs:
        raise InvalidLadderError(
            f"--rungs-between {choice.min_rungs}:{choice.max_rungs} is not a range. Put the lower "
            "number first."
        )
    if len(set(choice.include)) > choice.max_rungs:
        raise InvalidLadderError(
            f"--include names {len(set(choice.include))} sizes, and a ladder has at most "
            f"{choice.max_rungs} rungs. Raise --max-rungs, or include fewer."
        )
    low, high = choice.min_step_ratio or 1.0, choice.max_step_ratio or math.inf
    if not 1 <= low <= high:
        raise InvalidLadderError(
            f"--step-ratio {low:g}:{high:g} is not a range of factors from 1 up. Put the lower one "
            "first: 1.5:2.5."
        )


def _require_range(what: str, low: float | None, high: float | None) -> None:
    for limit in (low, high):
        if limit is not None and not math.isfinite(limit):
            raise InvalidLadderError(f"The {what} limit of a ladder is {limit}, not a number.")
    if low is not None and high is not None and low > high:
        raise InvalidLadderError(
            f"The ladder's lowest {what}, {low:g}, is above its highest, {high:g}. Lower the "
            "first or raise the second."
        )
