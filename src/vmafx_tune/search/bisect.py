"""The search by bisection: halve what is open, whatever the curve looks like."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.search.state import Bracket, SearchState

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from vmafx_tune.search.state import Measurement, SearchOutcome, SearchProblem

__all__ = ["bisect", "probes_left"]

_NOTHING: Mapping[int, Measurement] = MappingProxyType({})


def bisect(problem: SearchProblem) -> Generator[int, Measurement, SearchOutcome]:
    """Halve the bracket between the steps that pass and those that miss, until it is closed.

    Each probe goes to the bracket's midpoint, rounded up. `n` open steps take at most
    `n.bit_length()` probes, whatever the curve looks like.

    Where scores do not fall with each step, the answer is still proven by its own neighbour, and no
    step measured to be worse than it passes.

    Args:
        problem: What to search.

    Yields:
        A step whose score is not known yet.

    Returns:
        The outcome; see `SearchOutcome`.
    """
    state = SearchState(problem)
    while state.may_probe:
        step = state.bracket.midpoint
        state.record(step, (yield step))
    return state.outcome()


def probes_left(problem: SearchProblem, measured: Mapping[int, Measurement] = _NOTHING) -> int:
    """Bound how many more probes `bisect` makes.

    Args:
        problem: What is searched.
        measured: What came in since the search began, by step; steps that are known to `problem`
            may be among them and do not count.

    Returns:
        An upper bound that falls with every probe; 0 when the search is over.
    """
    found = {**problem.known, **measured}
    budget = problem.max_probes - (len(found) - len(problem.known))
    bracket = Bracket.of(found, problem)
    return max(0, min(budget, bracket.n_open.bit_length()))
