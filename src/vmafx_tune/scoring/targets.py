"""Scores that users ask for: whether a model can give them. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import given

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.model import VmafModel

__all__ = ["checked_score", "checked_targets"]

_LEAST_TARGET = 1.0
_USUAL_CEILING = 100.0
# Below, a hundredfold would be a picture that nobody wants.
_LEAST_SHARE = 0.1
_LEAST_MEANT = 20.0


def checked_targets(targets: Iterable[float], model: VmafModel) -> tuple[float, ...]:
    """Check targets, and put them in ascending order without repeats.

    Raises:
        UsageError: One is out of the model's range.
    """
    return tuple(sorted({checked_score(target, model, "A target") for target in targets}))


def checked_score(score: float, model: VmafModel, what: str) -> float:
    """Check a score that is asked for.

    What is below 1 is taken for a share of the range, as in 0.95 for 95, and refused.

    Args:
        score: In VMAF points.
        model: Gives the ceiling; infinite where nothing is known of it.
        what: What the score is, at the beginning of a sentence.

    Raises:
        UsageError: It is out of the model's range, with what was probably meant.
    """
    # A model of one's own may have a range of its own.
    least = min(_LEAST_TARGET, model.ceiling / _USUAL_CEILING)
    if math.isfinite(score) and least <= score <= model.ceiling:
        return float(score)
    meant = _meant(score, model.ceiling)
    raise UsageError(
        f"{what} of {given(score)} is out of the model's range: {model.name} goes "
        f"{_extent(model.ceiling)}, and targets start at "
        f"{given(least)}.{f' Did you mean {given(meant)}?' if meant is not None else ''}"
    )


def _extent(ceiling: float) -> str:
    return f"from 0 to {given(ceiling)}" if math.isfinite(ceiling) else "up from 0"


def _meant(score: float, ceiling: float) -> float | None:
    """Guess what was meant: 95 by 0.95, by 950 and by 9500."""
    if _LEAST_SHARE <= score < 1:
        # As people count: 0.955 in floating point is not quite a share of 95.5.
        return round(score * 100, 9)
    if not ceiling < score < math.inf:
        return None
    while score > ceiling:
        score /= 10
    return round(score, 9) if score >= _LEAST_MEANT else None
