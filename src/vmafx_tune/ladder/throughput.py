"""How fast the viewers' connections are: distributions of throughput."""

from __future__ import annotations

import csv
import math
from bisect import bisect_left
from dataclasses import field
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LogNormalThroughput", "MeasuredThroughput", "Throughput", "parse_throughputs"]

_COLUMNS = ("kbps", "weight")


class Throughput(Protocol):
    """A distribution of viewers over throughput."""

    def share_at_least(self, kbps: float) -> float:
        """Return the share of viewers whose throughput is `kbps` or more, 0 to 1.

        It never rises with `kbps`.
        """


@frozen
class LogNormalThroughput:
    """Throughput whose logarithm is normally distributed.

    Attributes:
        median_kbps: Half of the viewers have more; above zero.
        sigma: Standard deviation of the natural logarithm of the throughput; above zero.

    Raises:
        UsageError: A value is not a number above zero.
    """

    median_kbps: float
    sigma: float

    def __post_init__(self) -> None:
        for name, value in (("median", self.median_kbps), ("sigma", self.sigma)):
            if not 0 < value < math.inf:
                raise UsageError(
                    f"The throughput's {name} is {value:g}, but it must be a number above zero."
                )

    def share_at_least(self, kbps: float) -> float:
        """Return the share of viewers whose throughput is `kbps` or more, 0 to 1."""
        if kbps <= 0:
            return 1.0
        deviations = (math.log(kbps) - math.log(self.median_kbps)) / self.sigma
        # erfc keeps its digits far out, where 1 - erf has none left.
        return math.erfc(deviations / math.sqrt(2)) / 2


@frozen
class MeasuredThroughput:
    """Throughput as it was measured, one value per viewer or session.

    Attributes:
        kbps: Measured values, zero or more, in any order.
        weights: What each of them counts for, zero or more; all the same where empty.

    Raises:
        UsageError: There is no value, a value or weight is negative or not finite, the two differ
            in length, or no weight is above zero.
    """

    kbps: Sequence[float]
    weights: Sequence[float] = ()
    _ascending: tuple[float, ...] = field(init=False, repr=False, compare=False)
    _shares: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights = self.weights or (1.0,) * len(self.kbps)
        _require_samples(self.kbps, weights)
        descending = sorted(zip(self.kbps, weights, strict=True), reverse=True)
        counted = tuple(accumulate(weight for _, weight in descending))
        object.__setattr__(self, "_ascending", tuple(kbps for kbps, _ in reversed(descending)))
        object.__setattr__(self, "_shares", tuple(n / counted[-1] for n in reversed(counted)))

    def share_at_least(self, kbps: float) -> float:
        """Return the share of viewers whose throughput is `kbps` or more, 0 to 1."""
        first = bisect_left(self._ascending, kbps)
        return self._shares[first] if first < len(self._shares) else 0.0


def _require_samples(kbps: Sequence[float], weights: Sequence[float]) -> None:
    if not kbps:
        raise UsageError("The measured throughputs are empty. Give at least one value in kb/s.")
    if len(kbps) != len(weights):
        raise UsageError(
            f"There are {len(kbps)} measured throughputs but {len(weights)} weights. Give one "
            "weight for each, or none."
        )
    for value in (*kbps, *weights):
        if not 0 <= value < math.inf:
            raise UsageError(
                f"A measured throughput or weight is {value:g}, but it must be zero or more."
            )
    if not 0 < math.fsum(weights) < math.inf:
        raise UsageError("The weights of the measured throughputs must add up to more than zero.")


def parse_throughputs(text: str) -> MeasuredThroughput:
    """Read measured throughputs from CSV: a column `kbps`, and a column `weight` if there is one.

    The header `kbps` or `kbps,weight` may be left out, and empty lines do not count.

    Args:
        text: The whole file.

    Raises:
        UsageError: There are no values, or a line makes no sense; it is named.
    """
    rows = list(_rows(text))
    n_columns = len(rows[0][1]) if rows else 0
    first = 1 if rows and _is_header(rows[0][1]) else 0
    samples = [_sample(line, cells, n_columns) for line, cells in rows[first:]]
    return MeasuredThroughput(
        tuple(kbps for kbps, _ in samples), tuple(weight for _, weight in samples)
    )


def _rows(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the number and the cells of each line that is not empty."""
    # Spreadsheets write a byte-order mark.
    reader = csv.reader(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines())
    try:
        for row in reader:
            cells = tuple(cell.strip() for cell in row)
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UsageError(
            f"Line {reader.line_num} of the measured throughputs is not CSV."
        ) from error


def _is_header(cells: tuple[str, ...]) -> bool:
    return tuple(cell.lower() for cell in cells) in {_COLUMNS[:1], _COLUMNS}


def _sample(line: int, cells: tuple[str, ...], n_columns: int) -> tuple[float, float]:
    """Throughput and weight of one line."""
    if len(cells) != n_columns or len(cells) > len(_COLUMNS):
        raise UsageError(
            f"Line {line} of the measured throughputs, '{','.join(cells)}', has {len(cells)} "
            "columns. Every line must be 'kbps', or every line 'kbps,weight'."
        )
    values = [_number(line, name, cell) for name, cell in zip(_COLUMNS, cells, strict=False)]
    return values[0], values[1] if len(values) > 1 else 1.0


def _number(line: int, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(
            f"Line {line} of the measured throughputs has '{cell}' for {column}, which is not a "
            "number of zero or more. A header must be 'kbps' or 'kbps,weight'."
        )
    return value
