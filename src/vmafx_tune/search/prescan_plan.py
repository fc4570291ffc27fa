"""Which cheap look at part of a clip to take next, before its first probe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.search.crossing import expected_crossing, prior_of
from vmafx_tune.search.interpolate import wished_step
from vmafx_tune.search.state import SearchState

if TYPE_CHECKING:
    from vmafx_tune.search.state import SearchProblem

__all__ = ["MOST_LOOKS", "USUAL_LOOKS", "next_look"]

MOST_LOOKS = 3
"""Looks at most before a search begins; more would cost what they save."""
USUAL_LOOKS = 2

# Typical curves are a fifth steeper or gentler than the prior, so that a crossing so far from a
# score is known to about half a step.
_NEAR_STEPS = 2.5
# What a look is off by does not shrink with the grid's steps, so a fine grid needs no nearer one.
_NEAR_WIDTHS = 0.5


def next_look(problem: SearchProblem) -> int | None:
    """Choose the step to look at, or none where the crossing is known well enough.

    Each look goes to where the curve of the looks should cross the target by those before it. The
    first one is often far from the crossing, as clips differ; the second is near it.

    Args:
        problem: What is to be searched. Its hints are the scores of the looks so far; where
            something is known of the whole clip, that is the better guide, and no look is taken.
    """
    if problem.known or len(problem.hints) >= MOST_LOOKS:
        return None
    looking = replace(problem, known=problem.hints, hints={}, seeds={})
    state = SearchState(looking)
    if state.bracket.n_open == 0:
        return None
    crossing = expected_crossing(looking, state)
    near = max(_NEAR_STEPS, _NEAR_WIDTHS * prior_of(problem).width)
    if any(abs(step - crossing) <= near for step in problem.hints):
        return None
    return wished_step(looking, state, crossing)
