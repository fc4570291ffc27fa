"""How many probes each answer may take, so that a guess never costs much more than bisection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.search.state import Bracket

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ProbeBudget"]

_EXTRA_PROBES = 2


@dataclass(frozen=True, slots=True)
class ProbeBudget:
    """Probes allowed for each answer that a search may have: bisection's, and two more.

    A search is a binary tree with the possible answers as its leaves, in the order of the steps; an
    answer's probes are its leaf's depth. A step is affordable if each of the two brackets that it
    may leave can still be searched within the budgets of the answers inside.

    Attributes:
        first: The answer that `probes` begins with: the worst step known to pass, or -1.
        probes: Most probes for each answer from there on.
    """

    first: int
    probes: tuple[int, ...]

    @classmethod
    def of(cls, bracket: Bracket, max_probes: int) -> ProbeBudget:
        """Make the budget of a search that begins with `bracket`.

        Args:
            bracket: What is open.
            max_probes: Most probes in all. No answer that bisection finds with so many needs more.
        """
        cap = max(max_probes, bracket.n_open.bit_length())
        depths = _bisection_depths(bracket)
        return cls(bracket.passing, tuple(min(depth + _EXTRA_PROBES, cap) for depth in depths))

    def nearest_affordable(self, wish: int, bracket: Bracket, n_made: int) -> int:
        """Find the affordable step that is nearest to the one wished for.

        Args:
            wish: One of the open steps.
            bracket: What is open now.
            n_made: Probes made so far. Where all were at steps that this method gave, there is an
                affordable step; where there is none, the midpoint is the best that is left.
        """
        by_distance = sorted(
            range(bracket.passing + 1, bracket.missing), key=lambda step: abs(step - wish)
        )
        affordable = (step for step in by_distance if self.affords(step, bracket, n_made))
        return next(affordable, bracket.midpoint)

    def affords(self, step: int, bracket: Bracket, n_made: int) -> bool:
        """Tell whether an open step can be measured next, whatever it turns out to score.

        Args:
            step: One of the open steps.
            bracket: What is open then.
            n_made: Probes made by then.
        """
        left = [allowed - n_made - 1 for allowed in self._within(bracket)]
        n_better = step - bracket.passing
        return _tree_exists(left[:n_better]) and _tree_exists(left[n_better:])

    def most_left(self, bracket: Bracket, n_made: int) -> int:
        """Bound how many more probes a search within the budget makes."""
        if bracket.n_open == 0:
            return 0
        left = max(self._within(bracket)) - n_made
        return min(bracket.n_open, max(left, bracket.n_open.bit_length()))

    def _within(self, bracket: Bracket) -> Sequence[int]:
        return self.probes[bracket.passing - self.first : bracket.missing - self.first]


def _bisection_depths(bracket: Bracket) -> list[int]:
    """Count the probes that bisection makes for each answer, `bracket.passing` the first."""
    if bracket.n_open == 0:
        return [0]
    middle = bracket.midpoint
    better = _bisection_depths(Bracket(bracket.passing, middle))
    worse = _bisection_depths(Bracket(middle, bracket.missing))
    return [depth + 1 for depth in (*better, *worse)]


def _tree_exists(depths: Sequence[int]) -> bool:
    """Tell whether a binary tree has leaves, in this order, no deeper than `depths`.

    Leaves are laid side by side, each as wide as the share of the tree that its depth leaves it and
    at a multiple of its width: R. W. Yeung, "Alphabetic codes revisited", IEEE Trans. Inf. Theory
    37(3), 1991.
    """
    if min(depths) < 0:
        return False
    whole = 1 << max(depths)
    end = 0
    for depth in depths:
        width = whole >> depth
        end = -(-end // width) * width + width
    return end <= whole
