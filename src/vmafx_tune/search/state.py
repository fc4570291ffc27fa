"""What a search is about: its problem, its measurements, and what follows from them.

Which step is the worst quality that still reaches a target? Steps count from 0, the best quality.
"""

from __future__ import annotations

import math
from dataclasses import field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.knob import TypicalCurve

__all__ = [
    "TOO_LARGE",
    "Bracket",
    "Measurement",
    "SearchOutcome",
    "SearchProblem",
    "SearchState",
    "contradictions",
]


TOO_LARGE: Final = None
"""In place of a score: the step's encode is larger than allowed, and so are all better ones'."""

Measurement: TypeAlias = float | None
"""What is learned of a step: its pooled score, or that it is out of the question for its size."""


@frozen
class SearchProblem:
    """One search, fully determined but for the scores.

    Attributes:
        target: Pooled score to reach, in VMAF points; a tie passes.
        last_step: Steps run from 0, the best quality, to this one.
        known: What was measured before, by step; it costs nothing.
        max_probes: How many further steps may be measured.
        prior: What a typical clip scores over these steps; None where nobody knows.
        hints: Scores by step of part of the clip, or of the clip made smaller: about right in
            shape, and off by nobody knows what. They say where to measure, and nothing else.
        seeds: What measuring a step would find, as far as a store holds it. A seed counts as a
            probe where it is used, but it takes no encode.
        strategy: How the next step is chosen; an answer is proven in the same way with each.
        cautious: Whether to measure steps that should reach the target, where the step nearest to
            the crossing may just miss it: for a search that ends with the first one that does.

    Raises:
        ValueError: `last_step` or `max_probes` is negative, a step is out of range, or a hint is
            not finite.
    """

    target: float
    last_step: int
    known: Mapping[int, Measurement] = field(default_factory=dict)
    max_probes: int = 12
    prior: TypicalCurve | None = None
    hints: Mapping[int, float] = field(default_factory=dict)
    seeds: Mapping[int, Measurement] = field(default_factory=dict)
    strategy: SearchStrategy = SearchStrategy.INTERPOLATE
    cautious: bool = False

    def __post_init__(self) -> None:
        if self.last_step < 0 or self.max_probes < 0:
            raise ValueError(
                f"last_step ({self.last_step}) and max_probes ({self.max_probes}) must not be "
                "negative."
            )
        if not all(map(math.isfinite, self.hints.values())):
            raise ValueError(f"Hints must be finite, not {dict(self.hints)}.")
        for name in ("known", "hints", "seeds"):
            by_step = dict(getattr(self, name))
            if stray := [step for step in by_step if not 0 <= step <= self.last_step]:
                raise ValueError(f"{name.title()} steps {stray} are not in 0..{self.last_step}.")
            object.__setattr__(self, name, MappingProxyType(by_step))


@frozen
class SearchOutcome:
    """What a search found.

    Attributes:
        best_step: The worst-quality step measured to reach the target. Where none does, the step
            with the highest score, the cheapest of them on a tie; None where nothing has a score.
        reached: Whether `best_step` reaches the target.
        converged: Whether nothing is left to measure: `best_step` is proven, or every step that is
            not too large misses the target, as the best of them, step 0 where all sizes are
            allowed, was measured to do; or an estimate is as good as its error lets it be.
        proven: Whether `best_step` is measured and reaches the target, and the next worse step is
            measured and misses it or does not exist.
        scores: Every pooled score measured or known, by ascending step.
        too_large: The steps measured or known to be too large, ascending; they have no score.
        non_monotone: Pairs `(better_step, worse_step)` of neighbours among the measured steps where
            the worse one scores strictly higher. Any contradiction in the measurements implies one
            between neighbours, so none goes unnoticed.
        settled: Whether the search ended with a step that is good enough, before a proof.
    """

    best_step: int | None
    reached: bool
    converged: bool
    proven: bool
    scores: Mapping[int, float]
    non_monotone: tuple[tuple[int, int], ...]
    too_large: tuple[int, ...] = ()
    settled: bool = False


@frozen
class Bracket:
    """The open steps between a passing and a missing one.

    The answer lies in them if it is not `passing`. A step that is too large counts as passing: the
    answer can only be worse.

    Attributes:
        passing: The worst step that passes; -1, beyond the best quality, where none does.
        missing: The best measured step beyond `passing`, which misses like all further ones; one
            past the last step where there is none.
    """

    passing: int
    missing: int

    @classmethod
    def of(cls, found: Mapping[int, Measurement], problem: SearchProblem) -> Bracket:
        """Find what the measurements leave open."""
        passing = max(
            (step for step, m in found.items() if m is TOO_LARGE or m >= problem.target), default=-1
        )
        missing = min((step for step in found if step > passing), default=problem.last_step + 1)
        return cls(passing, missing)

    @property
    def n_open(self) -> int:
        """Steps inside, none of them measured."""
        return self.missing - self.passing - 1

    @property
    def ends(self) -> tuple[int, int]:
        """The passing and the missing one."""
        return self.passing, self.missing

    @property
    def midpoint(self) -> int:
        """The middle one of the open steps, rounded up; there must be one."""
        return (self.passing + self.missing + 1) // 2


class SearchState:
    """The measurements of one search, and what follows from them.

    Attributes:
        bracket: What is still open.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._found = dict(problem.known)
        self.bracket = Bracket.of(self._found, problem)

    @property
    def found(self) -> Mapping[int, Measurement]:
        """Everything measured or known, by step."""
        return MappingProxyType(self._found)

    @property
    def scores(self) -> Mapping[int, float]:
        """Every score measured or known, by step."""
        return MappingProxyType(
            {step: score for step, score in self._found.items() if score is not TOO_LARGE}
        )

    @property
    def ends_in_too_large(self) -> bool:
        """Whether the bracket's better end is a step that is too large, not one that passes."""
        return self.bracket.passing in self._found.keys() - self.scores.keys()

    @property
    def only_misses(self) -> bool:
        """Whether no step that was measured passes or is too large."""
        return self.bracket.passing < 0

    @property
    def n_new(self) -> int:
        """Steps measured by this search."""
        return len(self._found) - len(self._problem.known)

    @property
    def may_probe(self) -> bool:
        """Whether a step is open and the budget allows to measure it."""
        return self.bracket.n_open > 0 and self.n_new < self._problem.max_probes

    def record(self, step: int, measurement: Measurement) -> None:
        """Take note of a measurement."""
        self._found[step] = measurement
        self.bracket = Bracket.of(self._found, self._problem)

    def rescore(self, found: Mapping[int, Measurement]) -> None:
        """Take other scores for the same steps, each on the same side of the target as before."""
        self._found = dict(found)

    def outcome(self) -> SearchOutcome:
        """Sum up."""
        scores = dict(sorted(self.scores.items()))
        passing = [step for step, score in scores.items() if score >= self._problem.target]
        best = passing[-1] if passing else _highest_scoring(scores)
        converged = self.bracket.n_open == 0
        return SearchOutcome(
            best_step=best,
            reached=bool(passing),
            converged=converged,
            # A closed bracket's ends are neighbours, and both are measured or ends of the range.
            proven=bool(passing) and converged and best == self.bracket.passing,
            scores=MappingProxyType(scores),
            non_monotone=contradictions(scores),
            too_large=tuple(sorted(self._found.keys() - scores.keys())),
        )


def _highest_scoring(scores: Mapping[int, float]) -> int | None:
    return max(scores, key=lambda step: (scores[step], step), default=None)


def contradictions(scores: Mapping[int, float]) -> tuple[tuple[int, int], ...]:
    """Find neighbours of which the worse step scores higher.

    Args:
        scores: In the order of the steps.
    """
    return tuple(
        (better, worse) for better, worse in pairwise(scores) if scores[worse] > scores[better]
    )
