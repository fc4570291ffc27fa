"""What is checked of a result: against a baseline, against bounds.

A drop counts only if it is left when the noise floor is added to the current scores. That way a
difference that says nothing never fails, be it in a score or in what follows from scores.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from vmafx_tune import formatting
from vmafx_tune.compare.bd_rate import bd_rate, bd_rate_of_answers
from vmafx_tune.formatting import counted, given
from vmafx_tune.results.compare import CompareResult
from vmafx_tune.results.encode import EncodeResult
from vmafx_tune.results.gate import Check
from vmafx_tune.results.ladder import LadderResult
from vmafx_tune.results.per_shot import PerShotEncode
from vmafx_tune.results.score import ScoreResult
from vmafx_tune.results.search import SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmafx_tune.gate.comparable import Gated
    from vmafx_tune.results.compare import BdRate
    from vmafx_tune.results.gate import NoiseFloor
    from vmafx_tune.results.measurement import PooledScores
    from vmafx_tune.results.search import Answer

__all__ = ["BoundChecks", "RegressionChecks"]

Points: TypeAlias = "Sequence[tuple[float, float]]"

_NAMED_FRAMES = 5
# What may be left of a number that was written with six decimals and read back.
_ROUNDING = 1e-6


class BoundChecks:
    """Checks a result against what it must reach by itself.

    Args:
        bounds: By kind of check: `min_vmaf`, `min_p5`.
    """

    def __init__(self, bounds: Mapping[str, float]) -> None:
        self._bounds = bounds

    def of(self, result: Gated) -> Iterator[Check]:
        """Check each encode of a result; of a ladder, the top rung."""
        for subject, score, pooled in _encodes(result):
            found = {"min_vmaf": score, "min_p5": None if pooled is None else pooled.p5}
            for kind, bound in self._bounds.items():
                yield _bounded(kind, subject, found[kind], bound)


def _encodes(result: Gated) -> Iterator[tuple[str, float | None, PooledScores | None]]:
    match result:
        case ScoreResult():
            yield "", result.score, result.pooled
        case EncodeResult(per_shot=PerShotEncode(delivered=True) as shots):
            yield _shots_of(result), shots.vmaf_score, shots.vmaf_pooled
        case SearchResult():
            yield _named(result), result.vmaf_score, result.vmaf_pooled
        case CompareResult():
            for row in result.rows:
                yield _named(row), row.vmaf_score, row.vmaf_pooled
        case LadderResult():
            for rung in result.renditions[-1:]:
                yield "top rung", rung.vmaf, rung.vmaf_pooled
            if not result.renditions:
                yield "top rung", None, None


def _bounded(kind: str, subject: str, found: float | None, bound: float) -> Check:
    what = "VMAF" if kind == "min_vmaf" else "the 5th percentile of VMAF"
    asked = f"{_flag(kind)} {given(bound)}"
    ok = found is not None and found >= bound
    if found is None:
        message = f"{what} is not known, so {asked} is not met."
    else:
        shown = formatting.vmaf(found, 4, target=bound)
        message = f"{what} {shown} is {'at least' if ok else 'below'} {asked}."
    return Check(
        kind=kind,
        subject=subject,
        current=found,
        limit=bound,
        ok=ok,
        message=_led(subject, message),
    )


class RegressionChecks:
    """Checks a result against a baseline that it can be compared with.

    Args:
        limits: How much worse it may be, by option: `max_drop` and so on. What has none is not
            checked.
        noise: Which differences say nothing.
    """

    def __init__(self, limits: Mapping[str, float], noise: NoiseFloor) -> None:
        self._limits = limits
        self._noise = noise

    def between(self, baseline: Gated, current: Gated) -> Iterator[Check]:
        """Check all that two results of one command tell."""
        if isinstance(baseline, ScoreResult) and isinstance(current, ScoreResult):
            yield from self._scores(baseline, current)
        elif isinstance(baseline, SearchResult) and isinstance(current, SearchResult):
            yield from self._answers(_named(baseline), baseline, current)
            if isinstance(baseline, EncodeResult) and isinstance(current, EncodeResult):
                yield from self._shots(baseline, current)
        elif isinstance(baseline, CompareResult) and isinstance(current, CompareResult):
            yield from self._comparisons(baseline, current)
        elif isinstance(baseline, LadderResult) and isinstance(current, LadderResult):
            yield from self._ladders(baseline, current)

    def _scores(self, baseline: ScoreResult, current: ScoreResult) -> Iterator[Check]:
        yield from self._drop("", baseline.score, current.score)
        if baseline.frames and current.frames:
            yield from self._frames(baseline, current)
        yield from self._time("", baseline.wall_time_ms, current.wall_time_ms)

    def _answers(self, subject: str, baseline: Answer, current: Answer) -> Iterator[Check]:
        """Check one encoder at one target."""
        reaches = current.ok or self._reaches(current.vmaf_score, baseline.target_vmaf)
        yield _still("reached", subject, was=baseline.ok, now=reaches, why=current.error)
        if not (baseline.ok and current.ok):
            return
        yield _still("proven", subject, was=baseline.proven, now=current.proven)
        if baseline.best_crf == current.best_crf:
            yield from self._drop(subject, baseline.vmaf_score, current.vmaf_score)
        yield from self._bitrate(subject, baseline, current)
        yield from self._time(subject, baseline.encode_time_ms, current.encode_time_ms)

    def _shots(self, baseline: EncodeResult, current: EncodeResult) -> Iterator[Check]:
        """Check the encodes with a setting for each shot; both reach the target."""
        before, now = baseline.per_shot, current.per_shot
        if before is None:
            return
        subject = _shots_of(baseline)
        if now is None:
            yield _missing(subject)
            return
        change = 100 * (now.bitrate_kbps / before.bitrate_kbps - 1)
        told = (
            f"the bitrate {_went(change, ' %')}, from {formatting.bitrate(before.bitrate_kbps)} to "
            f"{formatting.bitrate(now.bitrate_kbps)} kb/s"
        )
        values = (before.bitrate_kbps, now.bitrate_kbps)
        yield from self._held(
            "bitrate", "max_bitrate_increase", subject, values, change, change, told
        )

    def _comparisons(self, baseline: CompareResult, current: CompareResult) -> Iterator[Check]:
        rows = {(row.codec, row.target_vmaf): row for row in current.rows}
        for row in baseline.rows:
            if found := rows.get((row.codec, row.target_vmaf)):
                yield from self._answers(_named(row), row, found)
            else:
                yield _missing(_named(row))
        for codec in baseline.codecs if len(baseline.targets) > 1 else ():
            before = _curve(baseline, codec)
            now, raised = (_curve(current, codec, more) for more in (0.0, self._noise.pooled))
            yield from self._bd_rate(
                codec,
                bd_rate_of_answers("current", now, "baseline", before),
                bd_rate_of_answers("current", raised, "baseline", before),
            )

    def _ladders(self, baseline: LadderResult, current: LadderResult) -> Iterator[Check]:
        cells = {(cell.resolution, cell.target): cell for cell in current.cloud}
        for cell in baseline.cloud:
            subject = f"{cell.resolution} at VMAF {given(cell.target)}"
            found = cells.get((cell.resolution, cell.target))
            if found is None:
                yield _missing(subject)
            elif "left_out" not in (cell.error_kind, found.error_kind):
                reaches = found.ok or self._reaches(found.vmaf, cell.target)
                yield _still("reached", subject, was=cell.ok, now=reaches, why=found.error)
        before, now = ([(p.bitrate_kbps, p.vmaf) for p in r.hull] for r in (baseline, current))
        raised = [(kbps, vmaf + self._noise.pooled) for kbps, vmaf in now]
        if baseline.renditions and not current.renditions:
            yield _missing("the rungs")
        elif baseline.renditions:
            yield from self._drop("top rung", *(r.renditions[-1].vmaf for r in (baseline, current)))
        yield from self._bd_rate(
            "hull",
            bd_rate("current", now, "baseline", before),
            bd_rate("current", raised, "baseline", before),
        )
        yield from self._time("", baseline.wall_time_ms, current.wall_time_ms)

    def _reaches(self, score: float | None, target: float) -> bool:
        return score is not None and score + self._noise.pooled >= target

    def _drop(self, subject: str, before: float | None, now: float | None) -> Iterator[Check]:
        if before is None or now is None:
            return
        told = (
            f"VMAF {_went(now - before)}, from {formatting.vmaf(before, 4)} to "
            f"{formatting.vmaf(now, 4)}"
        )
        worse = before - now - self._noise.pooled
        yield from self._held("vmaf", "max_drop", subject, (before, now), now - before, worse, told)

    def _frames(self, baseline: ScoreResult, current: ScoreResult) -> Iterator[Check]:
        before, now = ({f.frame: f.vmaf for f in r.frames} for r in (baseline, current))
        drops = {frame: before[frame] - now[frame] for frame in before.keys() & now.keys()}
        worst = sorted(drops, key=lambda frame: (-drops[frame], frame))
        limit = self._limits.get("max_frame_drop", math.inf) + self._noise.frame
        broken = [frame for frame in worst if drops[frame] > limit]
        named = ", ".join(f"frame {frame} by {drops[frame]:.2f}" for frame in worst[:_NAMED_FRAMES])
        told = f"VMAF of {counted(len(broken), 'frame')} dropped, at most: {named}"
        if not broken:
            most = drops[worst[0]]
            told = f"VMAF of no frame dropped{f' by more than {most:.2f}' if most > 0 else ''}"
        yield from self._held(
            *("frames", "max_frame_drop", ""),
            (before[worst[0]], now[worst[0]]),
            now[worst[0]] - before[worst[0]],
            drops[worst[0]] - self._noise.frame,
            told,
        )

    def _bitrate(self, subject: str, baseline: Answer, current: Answer) -> Iterator[Check]:
        """Check the bitrate at the target itself, between the answer and its neighbour.

        By answers alone, a score that differs by nothing could move the setting by a step, and the
        bitrate by some per cent.
        """
        target = baseline.target_vmaf
        alone = baseline.next_worse is None or current.next_worse is None
        before = _bitrate_at(target, baseline, alone=alone)
        now = _bitrate_at(target, current, alone=alone)
        raised = _bitrate_at(target - self._noise.pooled, current, alone=alone)
        if not (before and now and raised):
            return
        change, worse = (100 * (kbps / before - 1) for kbps in (now, raised))
        told = (
            f"the bitrate at this VMAF {_went(change, ' %')}, from {formatting.bitrate(before)} to "
            f"{formatting.bitrate(now)} kb/s"
        )
        yield from self._held(
            "bitrate", "max_bitrate_increase", subject, (before, now), change, worse, told
        )

    def _bd_rate(self, subject: str, found: BdRate, raised: BdRate) -> Iterator[Check]:
        if "max_bd_rate" not in self._limits:
            return
        if found.percent is None or raised.percent is None:
            message = f"there is no BD-rate: {found.reason or raised.reason}"
            yield Check(
                kind="bd_rate",
                subject=subject,
                ok=True,
                exemption="not_checked",
                message=_led(subject, message),
            )
            return
        told = f"the bitrate at equal VMAF (BD-rate) {_went(found.percent, ' %')}"
        yield from self._held(
            "bd_rate", "max_bd_rate", subject, (None, None), found.percent, raised.percent, told
        )

    def _time(self, subject: str, before: float | None, now: float | None) -> Iterator[Check]:
        if before and now is not None:
            change = 100 * (now / before - 1)
            told = (
                f"time {_went(change, ' %')}, from {formatting.duration(before)} to "
                f"{formatting.duration(now)}"
            )
            yield from self._held(
                "time", "max_time_increase", subject, (before, now), change, change, told
            )

    def _held(
        self,
        kind: str,
        option: str,
        subject: str,
        values: tuple[float | None, float | None],
        change: float,
        worse: float,
        told: str,
    ) -> Iterator[Check]:
        """Hold a change to its limit; `worse` is what is left of it above the noise."""
        if option not in self._limits:
            return
        limit = self._limits[option]
        ok = worse <= limit + _ROUNDING
        unit = "" if kind in ("vmaf", "frames") else "%"
        message = f"{told}." if ok else f"{told}, more than {_flag(option)} {given(limit)}{unit}."
        yield Check(
            kind=kind,
            subject=subject,
            baseline=values[0],
            current=values[1],
            change=change,
            limit=limit,
            ok=ok,
            message=_led(subject, message),
        )


def _named(answer: Answer) -> str:
    return f"{answer.codec} at VMAF {given(answer.target_vmaf)}"


def _still(kind: str, subject: str, *, was: bool, now: bool, why: str | None = None) -> Check:
    """Check that what held still holds."""
    word = "reached" if kind == "reached" else "proven"
    if was and not now:
        message = f"was {word} in the baseline, and is not now{f': {why}' if why else '.'}"
    else:
        message = f"is {word}." if now else f"was not {word} in the baseline either."
    return Check(
        kind=kind,
        subject=subject,
        ok=now or not was,
        exemption=None if was or now else "as_before",
        message=f"{subject} {message}",
    )


def _shots_of(result: EncodeResult) -> str:
    return f"{_named(result)}, per shot"


def _missing(subject: str) -> Check:
    message = f"{subject}: in the baseline, and missing now."
    return Check(kind="reached", subject=subject, ok=False, message=message)


def _bitrate_at(target: float, answer: Answer, *, alone: bool) -> float | None:
    """Interpolate log(bitrate) over VMAF between an answer and the next worse setting.

    Args:
        target: In VMAF points.
        answer: Of a search.
        alone: Take the answer's own bitrate, as there is no neighbour to compare with.
    """
    worse = answer.next_worse
    if alone or worse is None or answer.bitrate_kbps is None or answer.vmaf_score is None:
        return answer.bitrate_kbps
    span = answer.vmaf_score - worse.vmaf_score
    if span <= 0 or not 0 < worse.bitrate_kbps < answer.bitrate_kbps:
        return answer.bitrate_kbps
    share = (target - worse.vmaf_score) / span
    return worse.bitrate_kbps * math.pow(answer.bitrate_kbps / worse.bitrate_kbps, share)


def _curve(result: CompareResult, codec: str, raised: float = 0.0) -> dict[float, Points]:
    """Collect an encoder's answers with their neighbours, by target; scores may be raised."""
    return {
        row.target_vmaf: [
            (point.bitrate_kbps, point.vmaf_score + raised)
            for point in (row, row.next_worse)
            if point and point.bitrate_kbps is not None and point.vmaf_score is not None
        ]
        for row in result.rows
        if row.codec == codec and row.ok
    }


def _went(change: float, unit: str = "") -> str:
    if abs(change) < 0.00005:
        return "is the same"
    return f"{'rose' if change > 0 else 'dropped'} by {abs(change):.4g}{unit}"


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _led(subject: str, message: str) -> str:
    return f"{subject}: {message}" if subject else _sentence(message)


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
