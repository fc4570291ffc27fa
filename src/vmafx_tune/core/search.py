"""Search: which step is the worst quality that still reaches a target?

A strategy is a generator: it yields the step to measure next, is sent that step's pooled score, and
returns its outcome. Whoever drives it decides how and where a step is measured, so the search
itself knows no encoder, no clock and no thread. Steps count from 0, the best quality.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from vmafx_tune.core.ledger import Bracket, Ledger, SearchOutcome, SearchProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SearchOutcome", "SearchProblem", "Strategy", "bisect", "probes_left", "solve"]

_NOTHING: Mapping[int, float] = MappingProxyType({})

Strategy: TypeAlias = Callable[[SearchProblem], Generator[int, float, SearchOutcome]]
"""Yields each step to measure, is sent its pooled score, and returns the outcome."""


def bisect(problem: SearchProblem) -> Generator[int, float, SearchOutcome]:
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
    ledger = Ledger(problem)
    while ledger.may_probe:
        step = ledger.bracket.midpoint
        ledger.record(step, (yield step))
    return ledger.outcome()


def solve(
    strategy: Strategy, problem: SearchProblem, measure: Callable[[int], float]
) -> SearchOutcome:
    """Drive a strategy to its outcome, one measurement after the other.

    Args:
        strategy: Which steps to measure.
        problem: What to search.
        measure: Returns the finite pooled score of a step.

    Returns:
        What the strategy found.
    """
    asking = strategy(problem)
    try:
        step = next(asking)
        while True:
            step = asking.send(measure(step))
    except StopIteration as done:
        outcome: SearchOutcome = done.value
        return outcome


def probes_left(problem: SearchProblem, measured: Mapping[int, float] = _NOTHING) -> int:
    """Bound how many more probes `bisect` makes.

    Args:
        problem: What is searched.
        measured: Scores by step that came in since the search began; steps that are known to
            `problem` may be among them and do not count.

    Returns:
        An upper bound that falls with every probe; 0 when the search is over.
    """
    scores = {**problem.known, **measured}
    budget = problem.max_probes - (len(scores) - len(problem.known))
    bracket = Bracket.of(scores, problem)
    return max(0, min(budget, bracket.n_open.bit_length()))
