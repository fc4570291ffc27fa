"""What the finished files of a batch say of the next one: where its curve should be."""

from __future__ import annotations

import threading
from statistics import median
from typing import TYPE_CHECKING, Any

from vmafx_tune.frozen import frozen
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.results.search import SearchResult
from vmafx_tune.search.expected_curve import TYPICAL_CEILING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmafx_tune.knob import Knob
    from vmafx_tune.results.search import Answer

__all__ = ["LearnedCurves", "MeasuredCurve", "measured_curves"]

# Closer to the ceiling, a curve is flat.
_HIGHEST = TYPICAL_CEILING - 1.0


@frozen
class MeasuredCurve:
    """The probes of one file with one encoder.

    Attributes:
        encoder: ffmpeg's name of it.
        preset: As it was asked for.
        lines: Height of the encodes.
        target: The score that was searched.
        points: Value of the knob and pooled score of each probe.
    """

    encoder: str
    preset: str | None
    lines: int
    target: float
    points: tuple[tuple[float, float], ...]

    @property
    def plain(self) -> list[Any]:
        """As JSON has it."""
        return [self.encoder, self.preset, self.lines, self.target, list(map(list, self.points))]

    @classmethod
    def of(cls, plain: Sequence[Any]) -> MeasuredCurve:
        """Read it back from JSON."""
        encoder, preset, lines, target, points = plain
        return cls(encoder, preset, lines, target, tuple((x, y) for x, y in points))


def measured_curves(result: Any, preset: str | None) -> Iterator[MeasuredCurve]:
    """List what a search, an encode or a comparison has measured.

    Args:
        result: What the command returned.
        preset: As it was asked for.
    """
    answers: Sequence[Answer] = ()
    if isinstance(result, SearchResult):
        answers = (result,)
    elif result.command == "compare":
        answers = result.rows
    for answer in answers:
        points = tuple((probe.crf, probe.vmaf_score) for probe in answer.bisect_samples)
        if points:
            lines = result.source.resolution.height
            yield MeasuredCurve(answer.codec, preset, lines, answer.target_vmaf, points)


class LearnedCurves:
    """Implements `ports.ExpectedCurves` with the files that are finished. Thread-safe.

    Args:
        knob_of: Finds the quality knob of an encoder.
    """

    def __init__(self, knob_of: Callable[[str], Knob]) -> None:
        self._knob_of = knob_of
        self._lock = threading.Lock()
        self._shifts: dict[tuple[str, str | None, int], list[float]] = {}

    def learn(self, curve: MeasuredCurve) -> None:
        """Take note of a file."""
        knob = self._knob_of(curve.encoder)
        # The probes nearest to the target tell best where the curve crosses it.
        nearest = sorted(curve.points, key=lambda point: abs(point[1] - curve.target))[:2]
        shifts = [_shift(knob, *point) for point in nearest if point[1] < _HIGHEST]
        if shifts:
            with self._lock:
                key = curve.encoder, curve.preset, curve.lines
                self._shifts.setdefault(key, []).append(sum(shifts) / len(shifts))

    def curve(self, encoder: str, preset: str | None, lines: int) -> TypicalCurve | None:
        """Shift the curve of a typical clip to where those of the files were."""
        with self._lock:
            shifts = list(self._shifts.get((encoder, preset, lines), ()))
        if not shifts:
            return None
        knob = self._knob_of(encoder)
        typical = _typical(knob)
        return TypicalCurve(typical.midpoint + _towards_worse(knob) * median(shifts), typical.width)


def _shift(knob: Knob, quality: float, score: float) -> float:
    """Find how much worse a setting has a score than with a typical clip."""
    typical = _typical(knob)
    expected = typical.step_at(score, TYPICAL_CEILING) - typical.midpoint
    return _towards_worse(knob) * (quality - typical.midpoint) - expected


def _towards_worse(knob: Knob) -> int:
    return -1 if knob.higher_is_better else 1


def _typical(knob: Knob) -> TypicalCurve:
    return knob.typical or TypicalCurve.across(knob.best, knob.worst)
