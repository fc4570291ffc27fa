"""The search strategies by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.search import bisect, interpolate
from vmafx_tune.search.state import Measurement, SearchProblem

if TYPE_CHECKING:
    from vmafx_tune.search.bisect import Strategy

__all__ = ["Method", "ProbesExpected", "ProbesLeft", "method_of"]

ProbesLeft: TypeAlias = Callable[[SearchProblem, Mapping[int, Measurement]], int]
"""Bounds how many more probes a strategy makes, from what was measured so far."""

ProbesExpected: TypeAlias = Callable[[SearchProblem, Mapping[int, Measurement]], float]
"""Tells how many more probes it should make on average, likewise."""


@dataclass(frozen=True, slots=True)
class Method:
    """A strategy, and what it takes.

    Attributes:
        strategy: Which steps to measure.
        probes_left: How many it may still need.
        probes_expected: How many it should still need.
    """

    strategy: Strategy
    probes_left: ProbesLeft
    probes_expected: ProbesExpected


_METHODS = {
    SearchStrategy.INTERPOLATE: Method(
        interpolate.interpolate, interpolate.probes_left, interpolate.probes_expected
    ),
    # Bisection takes all that it may, or one fewer.
    SearchStrategy.BISECT: Method(bisect.bisect, bisect.probes_left, bisect.probes_left),
}


def method_of(name: SearchStrategy) -> Method:
    """Find a strategy by its name."""
    return _METHODS[name]
