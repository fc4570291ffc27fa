"""The search strategies by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vmafx_tune.core import interpolate, search
from vmafx_tune.core.ledger import Measurement, SearchProblem
from vmafx_tune.results import SearchStrategy

if TYPE_CHECKING:
    from vmafx_tune.core.search import Strategy

__all__ = ["Method", "ProbesLeft", "method_of"]

ProbesLeft: TypeAlias = Callable[[SearchProblem, Mapping[int, Measurement]], int]
"""Bounds how many more probes a strategy makes, from what was measured so far."""


@dataclass(frozen=True, slots=True)
class Method:
    """A strategy with its outlook.

    Attributes:
        strategy: Which steps to measure.
        probes_left: How many it may still need.
    """

    strategy: Strategy
    probes_left: ProbesLeft


_METHODS = {
    SearchStrategy.INTERPOLATE: Method(interpolate.interpolate, interpolate.probes_left),
    SearchStrategy.BISECT: Method(search.bisect, search.probes_left),
}


def method_of(name: SearchStrategy) -> Method:
    """Find a strategy by its name."""
    return _METHODS[name]
