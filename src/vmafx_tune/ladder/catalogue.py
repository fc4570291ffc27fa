"""One ladder for several titles: rungs of a resolution and a value of the quality knob.

A rung is a value of the quality knob, not a bitrate: titles of all kinds need about the same
values at a size, but very different bitrates, so what was measured of one title overlaps with what
was measured of another. Within what was measured of every title at a size, bitrate and score are
interpolated, and nowhere beyond.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, geometric_mean
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune._version import __version__
from vmafx_tune.choices import Minimize
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.formatting import vmaf
from vmafx_tune.frozen import frozen
from vmafx_tune.ladder.hull import frontier
from vmafx_tune.ladder.limits import NEARLY_BEST_VMAF
from vmafx_tune.results.catalogue import (
    CatalogueResult,
    CatalogueRung,
    CatalogueTitle,
    TitleRung,
)
from vmafx_tune.search.curve import PchipCurve

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from vmafx_tune.ladder.selection import Selection
    from vmafx_tune.model import Resolution
    from vmafx_tune.results.ladder import LadderPoint, LadderResult
    from vmafx_tune.results.rung_choice import RungChoice

__all__ = ["CommonRung", "TitleValue", "catalogue_of", "check_alike", "common_rungs"]


@frozen
class TitleValue:
    """What a rung gives a title.

    Attributes:
        loss: Logarithm of its bitrate over that of the title's best size at the same score, from 0.
    """

    bitrate_kbps: float
    vmaf: float
    loss: float


@frozen
class CommonRung:
    """A candidate for the common ladder; its bitrate includes what it costs the titles.

    Attributes:
        bitrate_kbps: Geometric mean over the titles; with the worst loss in place of the mean one
            where that is to be low.
        vmaf: Mean over the titles.
        values: What it gives each title.
    """

    resolution: Resolution
    crf: float
    bitrate_kbps: float
    vmaf: float
    values: tuple[TitleValue, ...]


def common_rungs(
    titles: Sequence[LadderResult], minimize: Minimize = Minimize.MEAN
) -> tuple[CommonRung, ...]:
    """List what a common ladder can be made of.

    Args:
        titles: Ladders whose encodes compare; see `check_alike`.
        minimize: Which loss makes a rung costly.

    Raises:
        InvalidLadderError: At no size is there a value of the knob within what was measured of
            every title.
    """
    curves = [_Title(title.probes) for title in titles]
    sizes = dict.fromkeys(size for title in curves for size in title.sizes)
    found = [
        _rung(size, crf, [title.at(size, crf) for title in curves], minimize)
        for size in sizes
        if all(size in title.sizes for title in curves)
        for crf in _shared_values([title.sizes[size] for title in curves])
    ]
    if not found:
        raise InvalidLadderError(
            "At no resolution were all titles measured at the same values of the quality knob. "
            "Measure them at the same resolutions, with targets that are further apart."
        )
    return tuple(found)


def _rung(
    size: Resolution, crf: float, values: Sequence[TitleValue], minimize: Minimize
) -> CommonRung:
    losses = [value.loss for value in values]
    best = fmean(math.log(value.bitrate_kbps) - value.loss for value in values)
    lost = max(losses) if minimize is Minimize.WORST else fmean(losses)
    score = fmean(value.vmaf for value in values)
    return CommonRung(size, crf, math.exp(best + lost), score, tuple(values))


class _Curve:
    """One size of a title: its score over the knob, and its bitrate over the score."""

    def __init__(self, points: Sequence[LadderPoint]) -> None:
        self.values = [point.crf for point in points]
        self._vmaf = PchipCurve(self.values, [point.vmaf for point in points])
        front = list(frontier(points))
        self._log_rate = PchipCurve(
            [point.vmaf for point in front], [math.log(point.bitrate_kbps) for point in front]
        )

    def vmaf(self, crf: float) -> float:
        low, high = self._log_rate.domain
        return min(max(self._vmaf.at(crf), low), high)

    def log_rate(self, score: float) -> float:
        low, high = self._log_rate.domain
        return self._log_rate.at(score) if low <= score <= high else math.inf


class _Title:
    """The curves of a title, by size; a size with less than two points has none."""

    def __init__(self, points: Sequence[LadderPoint]) -> None:
        by_size: dict[Resolution, dict[float, LadderPoint]] = {}
        for point in points:
            if math.isfinite(point.vmaf):
                by_size.setdefault(point.resolution, {})[point.crf] = point
        self.sizes = {
            size: _Curve([own[crf] for crf in sorted(own)])
            for size, own in by_size.items()
            if len(list(frontier(own.values()))) > 1
        }

    def at(self, size: Resolution, crf: float) -> TitleValue:
        score = self.sizes[size].vmaf(crf)
        own = self.sizes[size].log_rate(score)
        best = min(curve.log_rate(score) for curve in self.sizes.values())
        return TitleValue(math.exp(own), score, own - best)


def _shared_values(curves: Sequence[_Curve]) -> list[float]:
    """List values of the knob within what was measured of every title: measured ones, and whole."""
    low = max(curve.values[0] for curve in curves)
    high = min(curve.values[-1] for curve in curves)
    if low > high:
        return []
    measured = {crf for curve in curves for crf in curve.values}
    whole = map(float, range(math.ceil(low), math.floor(high) + 1))
    return sorted(crf for crf in {*measured, *whole} if low <= crf <= high)


def _tops_missed(
    titles: Sequence[LadderResult], top: CommonRung, highest_vmaf: float | None
) -> Iterator[str]:
    """Tell of titles that the common ladder leaves worse than their own would.

    Args:
        titles: Their own ladders.
        top: The highest rung of the common one.
        highest_vmaf: Where ladders end; None for no limit.
    """
    for title, value in zip(titles, top.values, strict=True):
        own = max(point.vmaf for point in title.probes)
        wanted = own if highest_vmaf is None else min(own, highest_vmaf)
        if value.vmaf < wanted - NEARLY_BEST_VMAF:
            yield (
                f"The top rung gives '{title.src}' VMAF {vmaf(value.vmaf)}, where its own ladder "
                f"reaches {vmaf(wanted)}. To go higher, measure the other titles with higher "
                "targets, or allow more with --max-vmaf."
            )


def _option(title: LadderResult, names: Collection[str]) -> str | None:
    """Read an option from the command of an encode; None where it has none of these names."""
    commands = (c for p in title.probes for c in (*p.chunk_commands, p.encode_command) if c)
    words = shell.split(next(commands, ""))
    flags = {f"-{name}" for name in names}
    return next((value for flag, value in pairwise(words) if flag in flags), None)


_Setting = tuple[str, "Callable[[LadderResult], object]"]
_SETTINGS: tuple[_Setting, ...] = (
    ("encoder", lambda title: title.encoder),
    ("model", lambda title: title.model),
    ("pooling", lambda title: title.pool),
    ("display size", lambda title: title.display),
    ("--score-at", lambda title: title.score_at),
    ("--maxrate-factor", lambda title: title.maxrate_factor),
    ("--bufsize-factor", lambda title: title.bufsize_factor),
)


def _compared(
    one: LadderResult, other: LadderResult, preset_options: Collection[str]
) -> Iterator[tuple[str, object, object]]:
    """Name the settings that must agree, with those of two titles."""
    for what, read in _SETTINGS:
        yield what, read(one), read(other)
    yield "preset", _option(one, preset_options), _option(other, preset_options)
    # What a saved ladder does not tell is not held against it.
    if one.subsample is not None and other.subsample is not None:
        yield "--subsample", one.subsample, other.subsample
    if one.encoding is not None and other.encoding is not None:
        mine, others = (" ".join(e.encoder_args.split()) for e in (one.encoding, other.encoding))
        yield "--encoder-args", mine or None, others or None
        # A depth that is left to the source may be the one that was named for the other title.
        if one.encoding.depth != other.encoding.depth:
            yield "pixel format", _option(one, {"pix_fmt"}), _option(other, {"pix_fmt"})


def check_alike(titles: Sequence[LadderResult], preset_options: Collection[str]) -> None:
    """Make sure that titles can have a ladder in common.

    Args:
        titles: Their own ladders.
        preset_options: Names of the options by which encoders take presets, without the dash.

    Raises:
        InvalidLadderError: There is one title only, or one is there twice, was measured with other
            settings than the others, or has no measured encodes.
    """
    if len(titles) < 2:
        raise InvalidLadderError(
            "A common ladder is for several titles. Name at least two saved ladders."
        )
    names = [str(title.src) for title in titles]
    for name in names:
        if names.count(name) > 1:
            raise InvalidLadderError(f"'{name}' is named more than once. Name each title once.")
    for title in titles:
        if not title.probes:
            raise InvalidLadderError(f"The ladder of '{title.src}' has no measured encodes.")
    for one, other in pairwise(titles):
        for what, mine, others in _compared(one, other, preset_options):
            if mine != others:
                raise InvalidLadderError(
                    f"The ladders of '{one.src}' and '{other.src}' differ in their {what}: "
                    f"{_told(mine)} and {_told(others)}. Measure them the same way."
                )


def _told(value: object) -> str:
    return "none" if value is None else str(value)


def catalogue_of(
    titles: Sequence[LadderResult],
    chosen: Selection[CommonRung],
    choice: RungChoice,
    minimize: Minimize,
) -> CatalogueResult:
    """Make the result: the common rungs, and what each title loses by them."""
    return CatalogueResult(
        tool_version=__version__,
        encoder=titles[0].encoder,
        display=titles[0].display,
        model=titles[0].model,
        minimize=minimize.value,
        renditions=tuple(map(_catalogue_rung, chosen.rungs)),
        titles=tuple(
            _catalogue_title(title, [rung.values[index] for rung in chosen.rungs])
            for index, title in enumerate(titles)
        ),
        selection=choice,
        notes=(*chosen.notes, *_tops_missed(titles, chosen.rungs[-1], choice.max_vmaf)),
    )


def _catalogue_rung(rung: CommonRung) -> CatalogueRung:
    values = rung.values
    return CatalogueRung(
        width=rung.resolution.width,
        height=rung.resolution.height,
        crf=rung.crf,
        bitrate_kbps=geometric_mean(value.bitrate_kbps for value in values),
        vmaf=rung.vmaf,
        loss_percent=_percent(value.loss for value in values),
    )


def _catalogue_title(title: LadderResult, values: Sequence[TitleValue]) -> CatalogueTitle:
    return CatalogueTitle(
        src=title.src,
        loss_percent=_percent(value.loss for value in values),
        rungs=tuple(
            TitleRung(
                bitrate_kbps=value.bitrate_kbps,
                vmaf=value.vmaf,
                loss_percent=_percent([value.loss]),
            )
            for value in values
        ),
    )


def _percent(losses: Iterator[float] | Sequence[float]) -> float:
    return 100 * math.expm1(fmean(losses))
