"""What the finished files of a batch say of the next one: where its curve should be."""

from __future__ import annotations

import threading
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypeAlias

from vmafx_tune.frozen import frozen
from vmafx_tune.knob import widths_at
from vmafx_tune.results.search import SearchResult
from vmafx_tune.search.expected_curve import TYPICAL_CEILING, pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmafx_tune.knob import Knob, TypicalCurve
    from vmafx_tune.results.search import Answer

__all__ = ["LearnedCurves", "MeasuredCurve", "measured_curves"]

# Closer to the ceiling, a curve is flat.
_HIGHEST = TYPICAL_CEILING - 1.0
_TELLING_PROBES = 3
# Chosen on the cuts of one film, and as good on those of another. Where neighbours have nothing to
# do with each other, it is no worse than the middle of all files.
_LATEST_SHARE = 0.7

_Points: TypeAlias = "list[tuple[float, float]]"
"""Where probes are, and where their scores are expected, in widths; by how much they tell."""


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

    Neighbours are alike in most batches, be they cuts of a film or episodes of a series: a file is
    expected to be where the latest ones were, and to fall as steeply as all of them.

    Args:
        knob_of: Finds the quality knob of an encoder.
    """

    def __init__(self, knob_of: Callable[[str], Knob]) -> None:
        self._knob_of = knob_of
        self._lock = threading.Lock()
        self._files: dict[tuple[str, str | None, int], list[_Points]] = {}

    def learn(self, curve: MeasuredCurve) -> None:
        """Take note of a file, the latest one."""
        knob = self._knob_of(curve.encoder)
        # The probes nearest to the target tell best where the curve crosses it.
        nearest = sorted(curve.points, key=lambda point: abs(point[1] - curve.target))
        telling = [
            (knob.prior.widths(knob.position_of(quality)), widths_at(score, TYPICAL_CEILING))
            for quality, score in nearest[:_TELLING_PROBES]
            if score < _HIGHEST
        ]
        if telling:
            with self._lock:
                key = curve.encoder, curve.preset, curve.lines
                self._files.setdefault(key, []).append(telling)

    def curve(self, encoder: str, preset: str | None, lines: int) -> TypicalCurve | None:
        """Move and stretch the curve of a typical clip to where those of the files were."""
        with self._lock:
            files = list(self._files.get((encoder, preset, lines), ()))
        if not files:
            return None
        knob, faster = self._knob_of(encoder), _pace_of(files)
        shift = 0.0
        for index, points in enumerate(files):
            own = fmean(place - expected / faster for place, expected in points[:2])
            shift += (own - shift) * (_LATEST_SHARE if index else 1.0)
        return knob.usual.moved(-shift if knob.higher_is_better else shift, faster)


def _pace_of(files: Sequence[_Points]) -> float:
    """Estimate how fast the curves of files fall next to the typical one."""
    own = typical = 0.0
    for points in files:
        (place, expected), (other_place, other_expected) = min(points), max(points)
        if other_expected > expected:
            own += other_place - place
            typical += other_expected - expected
    return pace(typical, own)
