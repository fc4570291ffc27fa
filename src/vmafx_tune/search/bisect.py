"""Search: which step is the worst quality that still reaches a target?

A strategy is a generator: it yields the step to measure next, is sent that step's pooled score, or
that its encode is too large, and returns its outcome. Whoever drives it decides how and where a
step is measured, so the search itself knows no encoder, no clock and no thread. Steps count from 0,
the best quality.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from vmafx_tune.search.state import (
    TOO_LARGE,
    Bracket,
    Measurement,
    SearchOutcome,
    SearchProblem,
    SearchState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SearchOutcome", "SearchProblem", "Strategy", "bisect", "probes_left", "solve"]

_NOTHING: Mapping[int, Measurement] = MappingProxyType({})

Strategy: TypeAlias = Callable[[SearchProblem], Generator[int, Measurement, SearchOutcome]]
"""Yields each step to measure, is sent what was found, and returns the outcome."""


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


def solve(
    strategy: Strategy,
    problem: SearchProblem,
    measure: Callable[[int], Measurement],
    *,
    is_enough: Callable[[int], bool] = lambda _step: False,
    is_out_of_reach: Callable[[], bool] = lambda: False,
) -> SearchOutcome:
    """Drive a strategy to its outcome, one measurement after the other.

    Args:
        strategy: Which steps to measure.
        problem: What to search.
        measure: Returns the finite pooled score of a step, or that it is too large.
        is_enough: Says of a measured step that reaches the target whether to end with it, although
            it may not be the worst one that does: for estimates, which cannot tell.
        is_out_of_reach: Asked where a step misses and none reaches the target: whether no step is
            expected to, so that the best quality is measured next.

    Returns:
        What the strategy found.
    """
    asking = strategy(problem)
    found = dict(problem.known)
    try:
        step = next(asking)
        while True:
            found[step] = measurement = measure(step)
            reaches = measurement is not TOO_LARGE and measurement >= problem.target
            if reaches and is_enough(step):
                return _settled(problem, found)
            step = asking.send(measurement)
            if step and _only_misses(problem, found) and is_out_of_reach():
                found[0] = measure(0)
                left = problem.max_probes - len(found.keys() - problem.known.keys())
                rest = replace(problem, known=found, max_probes=left)
                return solve(strategy, rest, measure, is_enough=is_enough)
    except StopIteration as done:
        solved: SearchOutcome = done.value
        return solved


def _only_misses(problem: SearchProblem, found: Mapping[int, Measurement]) -> bool:
    return all(one is not TOO_LARGE and one < problem.target for one in found.values())


def _settled(problem: SearchProblem, found: Mapping[int, Measurement]) -> SearchOutcome:
    outcome = SearchState(replace(problem, known=found)).outcome()
    return replace(outcome, converged=True, ran_out=False, settled=not outcome.proven)


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
