"""The sampler that encodes and scores: for each cell of a ladder, a search."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune.choices import ScoreAt
from vmafx_tune.errors import CancelledError, InvalidLadderError, VmafxTuneError
from vmafx_tune.events import Observer, ignore
from vmafx_tune.formatting import counted
from vmafx_tune.ports import Recaller
from vmafx_tune.results.ladder import LadderCell, LadderPoint
from vmafx_tune.search.engine import plan_of_searches, search_with
from vmafx_tune.search.prescan import LookProbers, Prescan
from vmafx_tune.search.probe_set import ProbeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from vmafx_tune.model import PoolMethod, Probe, ProbeSpec, Resolution, ScoreSet, Source
    from vmafx_tune.ports import ProbeProgress, Prober
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.measurement import PooledScores
    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.request import SearchRequest

__all__ = [
    "SearchingSampler",
    "SharedCeiling",
    "aligned_gop_frames",
    "checked_gop_frames",
    "found_cell",
    "gop_frames",
    "measured_point",
    "rendition_search",
]

_LONGEST_GOP_S = 60.0


class SearchingSampler:
    """Fills a cell by a search; probes of one resolution are shared between its targets.

    A `Sampler`: thread-safe between resolutions, not within one.

    Args:
        base: The search to repeat; its template says how to encode and score, and `display` where
            viewers watch.
        resolutions: Sizes that may be asked for.
        prober: Makes the probes; must be thread-safe.
        targets: All targets that will be asked for, for the events.
        score_at: Where renditions are scored.
        observe: Receives the events of the probes, from several threads; their job is the
            resolution.
        prescan: Takes cheap looks at each resolution; None for none.
    """

    def __init__(
        self,
        base: SearchRequest,
        resolutions: Iterable[Resolution],
        prober: Prober,
        *,
        targets: Sequence[float] = (),
        score_at: ScoreAt = ScoreAt.DISPLAY,
        observe: Observer = ignore,
        prescan: LookProbers | None = None,
    ) -> None:
        shared = SharedCeiling(prober)
        self._targets = tuple(targets)
        self._searches = {size: rendition_search(base, size, score_at) for size in resolutions}
        self._probe_sets = {
            size: ProbeSet(search, shared, observe, job=str(size))
            for size, search in self._searches.items()
        }
        self._prescans = {
            size: Prescan(search, prescan, observe, job=str(size))
            for size, search in self._searches.items()
            if prescan
        }
        for size, search in self._searches.items():
            observe(plan_of_searches(search, targets, job=str(size)))

    def __call__(self, resolution: Resolution, target: float) -> LadderCell:
        """Search `resolution` for `target`.

        Args:
            resolution: One of the sizes that the sampler was made for.
            target: Pooled score to reach, in VMAF points.

        Returns:
            The cell, with all points that it had to measure; a failed one says why.

        Raises:
            CancelledError: The work was cancelled.
        """
        search, probe_set = (
            self._searches[resolution].at_target(target),
            self._probe_sets[resolution],
        )
        known = {probe.quality for probe in probe_set.probes()}
        try:
            cell = self._search(search, probe_set, resolution)
        except CancelledError:
            raise
        except VmafxTuneError as error:
            cell = LadderCell.failed(resolution, target, str(error))
        new = (probe for probe in probe_set.probes() if probe.quality not in known)
        points = (
            measured_point(probe, probe_set.pooled(probe), resolution, search.pool) for probe in new
        )
        return replace(cell, points=tuple(points))

    def _search(
        self, search: SearchRequest, probe_set: ProbeSet, resolution: Resolution
    ) -> LadderCell:
        upcoming = [target for target in self._targets if target > search.target]
        prescan = self._prescans.get(resolution)
        result = search_with(search, probe_set, upcoming=upcoming, prescan=prescan)
        return found_cell(result, resolution)


def rendition_search(
    base: SearchRequest, resolution: Resolution, score_at: ScoreAt = ScoreAt.DISPLAY
) -> SearchRequest:
    """Turn a search on a source into one on a rendition of it.

    Args:
        base: The search at the source's size, with the display size that viewers watch at.
        resolution: The rendition's size.
        score_at: `display` upscales the encode to the display size; `rendition` brings the source
            down to the encode's.
    """
    template = base.template
    return replace(
        base,
        template=replace(
            template,
            encode=replace(template.encode, size=resolution),
            display=resolution if score_at is ScoreAt.RENDITION else template.display,
        ),
    )


def gop_frames(gop_s: float, frame_rate: Fraction) -> int:
    """Count the frames of a GOP: the nearest whole number, at least one.

    Args:
        gop_s: Duration of the GOP, positive.
        frame_rate: Frames per second; NTSC rates give the same count as the rates they stand for.
    """
    return max(1, round(gop_s * frame_rate))


def aligned_gop_frames(other: LadderResult | None, source: Source) -> int | None:
    """Count the frames of a GOP that is as long as those of another ladder; None without one.

    Raises:
        InvalidLadderError: They have no such number, or one that nobody knows.
    """
    if other is None:
        return None
    if other.gop_frames is None or other.source.frame_rate is None:
        raise InvalidLadderError(
            "The ladder whose GOP is to be taken does not say how long it is. Use --gop."
        )
    frames = other.gop_frames / other.source.frame_rate * source.frame_rate
    if frames.denominator != 1:
        raise InvalidLadderError(
            f"The other ladder's GOP of {counted(other.gop_frames, 'frame')} at "
            f"{float(other.source.frame_rate):.6g} fps is not a whole number of frames at "
            f"{float(source.frame_rate):.6g} fps. Use --gop."
        )
    return frames.numerator


def checked_gop_frames(gop_s: float, source: Source) -> int:
    """Count the frames of a GOP.

    Raises:
        InvalidLadderError: No player can use it.
    """
    if not 0 < gop_s <= _LONGEST_GOP_S:
        raise InvalidLadderError(
            f"{gop_s:g} s is not a valid GOP length: players start and switch at keyframes. Use "
            f"more than 0 and at most {_LONGEST_GOP_S:g} s."
        )
    return gop_frames(gop_s, source.frame_rate)


def found_cell(result: SearchResult, resolution: Resolution) -> LadderCell:
    """Make a cell of what its search found.

    Args:
        result: A search at `resolution`; without an answer its target is out of reach.
        resolution: The rendition's size.
    """
    target = result.target_vmaf
    if not result.ok:
        return LadderCell.failed(resolution, target, result.error, "unreachable")
    notes = [*([result.limit.message] if result.limit else []), *result.notes]
    return LadderCell.answered(
        resolution,
        target,
        crf=result.best_crf,
        bitrate_kbps=result.bitrate_kbps,
        vmaf=result.vmaf_score,
        note=" ".join(notes) or None,
    )


def measured_point(
    probe: Probe, pooled: PooledScores, resolution: Resolution, pool: PoolMethod
) -> LadderPoint:
    """Make a point of a ladder of a probe at `resolution`."""
    return LadderPoint(
        width=resolution.width,
        height=resolution.height,
        crf=probe.quality,
        bitrate_kbps=probe.bitrate_kbps,
        vmaf=getattr(pooled, pool),
        peak_bitrate_kbps=probe.peak_bitrate_kbps,
        codecs=probe.codecs,
        encode_command=shell.join(probe.command) if probe.command else None,
        vmaf_pooled=pooled,
        size_bytes=probe.size_bytes,
        encode_time_ms=probe.encode_time_s * 1000,
        score_time_ms=probe.score_time_s * 1000,
        side_by_side=probe.side_by_side,
        encoder_version=probe.encoder_version,
        cached=probe.cached,
        chunk_commands=tuple(map(shell.join, probe.chunk_commands)),
        comparison=probe.scores.comparison,
        maxrate_kbps=None if probe.caps is None else probe.caps.maxrate_kbps,
        bufsize_kbits=None if probe.caps is None else probe.caps.bufsize_kbits,
    )


class SharedCeiling:
    """A prober that scores the source against itself once for each size, not once a resolution."""

    def __init__(self, prober: Prober) -> None:
        self._prober = prober
        self._lock = threading.Lock()
        self._turns: dict[Resolution, threading.Lock] = {}
        self._ceilings: dict[Resolution, ScoreSet] = {}

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Encode and score; see `ports.Prober`."""
        return self._prober.probe(spec, on_progress=on_progress)

    def known(self, template: ProbeSpec) -> Iterable[Probe]:
        """Recall what needs no encode; see `ports.Recaller`."""
        return self._prober.known(template) if isinstance(self._prober, Recaller) else ()

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score the source against itself, once for each display size."""
        with self._lock:
            turn = self._turns.setdefault(spec.display, threading.Lock())
        # Whoever wants the same scores waits for them; nobody else does.
        with turn:
            if spec.display not in self._ceilings:
                scores = self._prober.score_itself(spec)
                self._ceilings[spec.display] = replace(scores, features={})
            return self._ceilings[spec.display]

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._prober.cancel()
