"""What every search strategy keeps: its problem, its measurements, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.core.prior import Prior

__all__ = ["Bracket", "Ledger", "SearchOutcome", "SearchProblem"]


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """One search, fully determined but for the scores.

    Attributes:
        target: Pooled score to reach, in VMAF points; a tie passes.
        last_step: Steps run from 0, the best quality, to this one.
        known: Pooled scores measured before, by step; they cost nothing.
        max_probes: How many further steps may be measured.
        prior: What a typical clip scores over these steps; None where nobody knows.

    Raises:
        ValueError: `last_step` or `max_probes` is negative, or a known step is out of range.
    """

    target: float
    last_step: int
    known: Mapping[int, float] = field(default_factory=dict)
    max_probes: int = 12
    prior: Prior | None = None

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


@dataclass(frozen=True, slots=True)
class Bracket:
    """The open steps between a passing and a missing one.

    Attributes:
        passing: The worst step that passes; -1, beyond the best quality, where none does.
        missing: The best measured step beyond `passing`, which misses like all further ones; one
            past the last step where there is none.
    """

    passing: int
    missing: int

    @classmethod
    def of(cls, scores: Mapping[int, float], problem: SearchProblem) -> Bracket:
        """Find what `scores` leave open."""
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


class Ledger:
    """The measurements of one search, and what follows from them: every strategy's bookkeeping.

    Attributes:
        bracket: What is still open.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._scores = dict(problem.known)
        self.bracket = Bracket.of(self._scores, problem)

    @property
    def scores(self) -> Mapping[int, float]:
        """Every score measured or known, by step."""
        return MappingProxyType(self._scores)

    @property
    def n_new(self) -> int:
        """Steps measured by this search."""
        return len(self._scores) - len(self._problem.known)

    @property
    def may_probe(self) -> bool:
        """Whether a step is open and the budget allows to measure it."""
        return self.bracket.n_open > 0 and self.n_new < self._problem.max_probes

    def record(self, step: int, score: float) -> None:
        """Take note of a measurement."""
        self._scores[step] = score
        self.bracket = Bracket.of(self._scores, self._problem)

    def outcome(self) -> SearchOutcome:
        """Sum up."""
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
