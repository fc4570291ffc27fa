"""What can be asked of the choice of rungs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.limits import DEFAULT_MAX_VMAF, Caps
from vmafx_tune.results.ladder import RungChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.ladder.hull import RateQuality
    from vmafx_tune.ladder.throughput import Throughput

__all__ = ["SelectionOptions", "default_choice"]

# Of the lower neighbour's bitrate: a gap in kb/s alone would leave cheap content without a ladder.
_LARGEST_GAP = 0.25


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """How rungs are chosen from measured points.

    Attributes:
        max_rungs: No ladder has more; at least 1.
        spacing: Which points of the hull become rungs.
        min_gap_kbps: Least distance between the bitrates of neighbours, or a quarter of the lower
            one where that is less; 0 for none.
        vmaf_step: VMAF points from rung to rung with `Spacing.VMAF`; above zero. About 6 make one
            just-noticeable difference.
        throughput: The viewers that `Spacing.OPTIMAL` chooses for; it needs them.
        safety_factor: Share of the throughput that a player dares to use, above 0 and at most 1.
        caps: Limits of the ladder.
        mixed_resolutions: Whether a rung's picture may be smaller than that of a rung below it.

    Raises:
        InvalidLadderError: A value makes no ladder.
    """

    max_rungs: int = RungChoice.max_rungs
    spacing: Spacing = RungChoice.spacing
    min_gap_kbps: float = RungChoice.min_bitrate_gap_kbps
    vmaf_step: float = RungChoice.vmaf_step
    throughput: Throughput | None = None
    safety_factor: float = RungChoice.safety_factor
    caps: Caps = field(default_factory=Caps)
    mixed_resolutions: bool = RungChoice.mixed_resolutions

    def __post_init__(self) -> None:
        if self.max_rungs < 1:
            raise InvalidLadderError(
                f"The maximum number of rungs is {self.max_rungs}, but it must be at least 1."
            )
        if not 0 <= self.min_gap_kbps < math.inf:
            raise InvalidLadderError(
                f"The minimum gap between bitrates is {self.min_gap_kbps:g} kb/s, but it must be "
                "zero or more."
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
        if self.spacing is Spacing.OPTIMAL:
            self.viewers()

    def are_apart(self, lower: RateQuality, upper: RateQuality) -> bool:
        """Whether two points are far enough apart to be neighbouring rungs; a tie passes.

        Where it holds for two points, it holds for any that are further apart on either side.
        """
        gap_kbps = min(self.min_gap_kbps, lower.bitrate_kbps * _LARGEST_GAP)
        return upper.bitrate_kbps - lower.bitrate_kbps >= gap_kbps

    def viewers(self) -> Throughput:
        """Return `throughput`.

        Raises:
            InvalidLadderError: There is none.
        """
        if self.throughput is None:
            raise InvalidLadderError(
                f"The spacing '{Spacing.OPTIMAL}' needs the viewers' throughput: its median and "
                "sigma, or measured values. Give them with --throughput."
            )
        return self.throughput


def default_choice(targets: Sequence[float]) -> RungChoice:
    """Choose rungs where nobody says how.

    The ladder spans the targets: probes below the lowest were made on the way only.

    Args:
        targets: Pooled scores that were searched for; none for a ladder that was found otherwise.
    """
    return RungChoice(
        min_vmaf=min(targets, default=None), max_vmaf=max((DEFAULT_MAX_VMAF, *targets))
    )
