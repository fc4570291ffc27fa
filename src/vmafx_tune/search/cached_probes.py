"""What a prober that remembers knows of a curve before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.ports import Recaller
from vmafx_tune.scoring.pooling import pool_scores

if TYPE_CHECKING:
    from vmafx_tune.ports import Prober
    from vmafx_tune.search.grid import KnobGrid
    from vmafx_tune.search.request import SearchRequest

__all__ = ["stored_scores"]


def stored_scores(prober: Prober, request: SearchRequest) -> dict[int, float]:
    """Collect the pooled scores that `prober` can recall, by step of the request's grid.

    Args:
        prober: Recalls nothing unless it is a `Recaller`.
        request: Gives the template, the grid and the pooling; its target counts for nothing.
    """
    if not isinstance(prober, Recaller):
        return {}
    by_step = {
        _step(request.grid, probe.quality): probe for probe in prober.known(request.template)
    }
    return {
        step: pool_scores(probe.scores.frames, request.pool)
        for step, probe in by_step.items()
        if step is not None
    }


def _step(grid: KnobGrid, quality: float) -> int | None:
    """Find the step of a quality; none where another run's grid had it, and this one has not."""
    step = round(grid.position_of(quality))
    on_grid = 0 <= step <= grid.last_step and grid.quality_of(step) == quality
    return step if on_grid else None
