"""Search: which step is the worst quality that still reaches a target?

A strategy is a generator: it yields the step to measure next, is sent that step's pooled score, and
returns its outcome. Whoever drives it decides how and where a step is measured, so the search
itself knows no encoder, no clock and no thread. Steps count from 0, the best quality.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SearchOutcome", "SearchProblem", "Strategy", "bisect", "probes_left", "solve"]

_NOTHING: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """One search, fully determined but for the scores.

    Attributes:
        target: Pooled score to reach, in VMAF points; a tie passes.
        last_step: Steps run from 0, the best quality, to this one.
        known: Pooled scores measured before, by step; they cost nothing.
        max_probes: How many further steps may be measured.

    Raises:
        ValueError: `last_step` or `max_probes` is negative, or a known step is out of range.
    """

    target: float
    last_step: int
    known: Mapping[int, float] = field(default_factory=dict)
    max_probes: int = 12

    def __post_init__(self) -> None:
        if self.last_step < 0 or self.max_probes < 0:
            raise ValueError(
                f"last_step ({self.last_step}) and max_probes ({self.max_probes}) must not be "
                "negative."
            )
        if stray := [step for step in self.known if not 0 <= step <= self.last_step]:
            raise ValueError(f"Known steps {stray} are not in 0..{self.last_step}.")
        object.__setattr__(self, "known", MappingProxyType(dict(self.known)))


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What a search found.

    Attributes:
        best_step: The worst-quality step measured to reach the target. Where none does, the step
            with the highest score, the cheapest of them on a tie; None where nothing is measured.
        reached: Whether `best_step` reaches the target.
        converged: Whether nothing is left to measure: `best_step` is proven, or step 0, the best
            quality, misses the target and so does every other step measured.
        proven: Whether `best_step` is measured and reaches the target, and the next worse step is
            measured and misses it or does not exist.
        ran_out: Whether `max_probes` ended the search before it converged.
        scores: Every pooled score measured or known, by ascending step.
        non_monotone: Pairs `(better_step, worse_step)` of neighbours among the measured steps where
            the worse one scores strictly higher. Any contradiction in the measurements implies one
            between neighbours, so none goes unnoticed.
    """

    best_step: int | None
    reached: bool
    converged: bool
    proven: bool
    ran_out: bool
    scores: Mapping[int, float]
    non_monotone: tuple[tuple[int, int], ...]


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
    ledger = _Ledger(problem)
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
    bracket = _Bracket.of(scores, problem)
    return max(0, min(budget, bracket.n_open.bit_length()))


@dataclass(frozen=True, slots=True)
class _Bracket:
    """The open steps between a passing and a missing one.

    Attributes:
        passing: The worst step that passes; -1, beyond the best quality, where none does.
        missing: The best measured step beyond `passing`, which misses like all further ones; one
            past the last step where there is none.
    """

    passing: int
    missing: int

    @classmethod
    def of(cls, scores: Mapping[int, float], problem: SearchProblem) -> _Bracket:
        passing = max((s for s, score in scores.items() if score >= problem.target), default=-1)
        missing = min((s for s in scores if s > passing), default=problem.last_step + 1)
        return cls(passing, missing)

    @property
    def n_open(self) -> int:
        """Steps inside, none of them measured."""
        return self.missing - self.passing - 1

    @property
    def midpoint(self) -> int:
        """The middle one of the open steps, rounded up; there must be one."""
        return (self.passing + self.missing + 1) // 2


class _Ledger:
    """The measurements of one search, and what follows from them: every strategy's bookkeeping."""

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._scores = dict(problem.known)
        self.bracket = _Bracket.of(self._scores, problem)

    @property
    def may_probe(self) -> bool:
        """Whether a step is open and the budget allows to measure it."""
        n_new = len(self._scores) - len(self._problem.known)
        return self.bracket.n_open > 0 and n_new < self._problem.max_probes

    def record(self, step: int, score: float) -> None:
        self._scores[step] = score
        self.bracket = _Bracket.of(self._scores, self._problem)

    def outcome(self) -> SearchOutcome:
        reached = self.bracket.passing >= 0
        converged = self.bracket.n_open == 0
        return SearchOutcome(
            best_step=self.bracket.passing if reached else self._highest_scoring(),
            reached=reached,
            converged=converged,
            # A closed bracket's ends are neighbours, and both are measured or ends of the range.
            proven=reached and converged,
            ran_out=not converged,
            scores=MappingProxyType(dict(sorted(self._scores.items()))),
            non_monotone=self._contradictions(),
        )

    def _highest_scoring(self) -> int | None:
        return max(self._scores, key=lambda step: (self._scores[step], step), default=None)

    def _contradictions(self) -> tuple[tuple[int, int], ...]:
        return tuple(
            (better, worse)
            for better, worse in pairwise(sorted(self._scores))
            if self._scores[worse] > self._scores[better]
        )
