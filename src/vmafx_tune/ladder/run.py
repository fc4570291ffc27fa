"""Build an adaptive ladder for one source, or choose other rungs for one that was built."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.choices import Sampling, ScoreAt
from vmafx_tune.cpus import LocalCores
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.events import Observer, Warned, ignore
from vmafx_tune.files import read_input
from vmafx_tune.formatting import counted
from vmafx_tune.ladder.cells import SearchingSampler, gop_frames, rendition_search
from vmafx_tune.ladder.engine import points_of, sample_grid, select_ladder
from vmafx_tune.ladder.limits import shrinks
from vmafx_tune.ladder.resolutions import (
    check_resolutions,
    default_resolutions,
    ruled_resolutions,
)
from vmafx_tune.ladder.rung_options import (
    changed_choice,
    default_choice,
    read_throughput,
    size_rules,
)
from vmafx_tune.media.packets import segment_length
from vmafx_tune.model import VmafModel
from vmafx_tune.options import (
    DEFAULT_ENCODERS,
    DEFAULT_LADDER_TARGETS,
    CapOptions,
    EncodingOptions,
    RungOptions,
    ScoringOptions,
    SourceOptions,
    ToolOptions,
)
from vmafx_tune.parsing import cap_factors
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.results.ladder import LadderResult, LadderSource
from vmafx_tune.scoring.models import BUILT_IN_MODELS, checked_score, checked_targets
from vmafx_tune.session import open_session
from vmafx_tune.source import check_woven, open_source, source_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.ladder.engine import Sampler
    from vmafx_tune.model import CapFactors, Resolution, Source
    from vmafx_tune.results.ladder import LadderCell, LadderPoint
    from vmafx_tune.results.rung_choice import RungChoice
    from vmafx_tune.session import Session

__all__ = ["ladder", "reselect"]

_LONGEST_GOP_S = 60.0


def ladder(
    source: str | Path,
    encoder: str = DEFAULT_ENCODERS[0],
    targets: Sequence[float] = DEFAULT_LADDER_TARGETS,
    *,
    resolutions: Sequence[Resolution] | None = None,
    sampling: Sampling = Sampling.GRID,
    score_at: ScoreAt = ScoreAt.DISPLAY,
    gop_s: float = 2.0,
    same_gop_as: LadderResult | None = None,
    rungs: RungOptions | None = None,
    caps: CapOptions | None = None,
    workers: int | None = None,
    encoding: EncodingOptions | None = None,
    scoring: ScoringOptions | None = None,
    sources: SourceOptions | None = None,
    tools: ToolOptions | None = None,
    sampler: Sampler | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
) -> LadderResult:
    """Find the renditions that an adaptive ladder of a title should hold.

    Each resolution is searched for each target, with encodes as they will be delivered; the upper
    hull of all that was measured is where a resolution is worth its bits, and rungs are chosen
    from it.

    Args:
        source: The clip to encode: a file, or an http or https URL as a string.
        encoder: ffmpeg's name of the encoder, or an alias such as `x265`.
        targets: Pooled VMAF scores to reach.
        resolutions: Sizes to try; None for the usual ones up to the source's.
        sampling: `grid` searches each resolution for each target; `adaptive` makes encodes where
            they can change the hull, until it is known, and leaves out cells that have no part in
            it.
        score_at: Whether renditions are scored at the display size, as viewers see them, or at
            their own.
        gop_s: Duration of the closed GOPs, in seconds.
        same_gop_as: Another ladder, whose GOPs are taken in place of `gop_s`: so that segments of
            both are as long as each other, to the frame.
        rungs: How rungs are chosen.
        caps: What each encode may have at most, in its average without the caps. Each is then
            made twice.
        workers: Resolutions worked on at once; None chooses by the number of cores. The result
            does not depend on it.
        encoding: Preset, range of the quality knob, further encoder arguments.
        scoring: Model, backend, pooling, subsampling, display size.
        sources: How sources are read.
        tools: Which programs to use, and where to work.
        sampler: Fills the cells instead of trial encodes: a callable from a resolution and a target
            to a `LadderCell`. Nothing is encoded or scored then, and no ffmpeg is needed.
        observe: Receives progress and warnings, from several threads.
        session: Use these adapters instead of ones made from `sources` and `tools`.

    Returns:
        All cells, points, hull and rungs; cells that failed say why.

    Raises:
        UsageError: `sampling` is adaptive, and the cells are to be filled by `sampler`, or an
            answer that a sample gave is to be verified.
        InvalidLadderError: The resolutions or limits cannot make a ladder.
        FormatMismatchError: The source is interlaced, and would be scaled.
        EncoderUnavailableError: This ffmpeg lacks the encoder, or this machine cannot open it.
        VmafxTuneError: The source, the scorer or an option cannot be used.
    """
    started = time.monotonic()
    with open_session(session, tools, sources, observe) as session:
        _check_sampling(sampling, sampler, encoding)
        row, probed = row_of(encoder), open_source(source, scoring, session)
        factors, rules = _cap_factors(caps, row, encoding), size_rules(rungs or RungOptions())
        gop = _gop_as(same_gop_as, probed) or _checked_gop_frames(gop_s, probed)
        asked = _asked(row, probed, resolutions, rules, gop, sampling, observe)
        if sampler is None:
            prepared = PreparedSource.prepare(
                probed, encoding, scoring, session, gop_frames=gop, caps=factors
            )
            asked = _capped(asked, factors)
            asked = _aimed(asked, targets, rungs, prepared.model)
            throughput = read_throughput(asked.selection, read_input)
            found = _measured(asked, prepared, row, score_at, workers, observe)
        else:
            asked = _aimed(asked, targets, rungs, _known_model(None))
            throughput = read_throughput(asked.selection, read_input)
            found = _filled(asked, probed, row, sampler, workers, session, observe)
        found = select_ladder(found, throughput)
        return replace(found, wall_time_ms=(time.monotonic() - started) * 1000)


def reselect(result: LadderResult, rungs: RungOptions | None = None) -> LadderResult:
    """Choose other rungs from what a ladder has measured, without an encode.

    Args:
        result: The ladder.
        rungs: What to change; where nothing is, the ladder comes back as it is, unless its pictures
            get smaller where that is not allowed.

    Raises:
        UsageError: An option makes no sense.
    """
    chosen = result.selection or default_choice(result.target_vmafs)
    choice = changed_choice(chosen, _checked_rungs(rungs, _known_model(result.model)))
    is_allowed = choice.mixed_resolutions or not shrinks(result.renditions, attrgetter("pixels"))
    if choice == chosen and result.renditions and is_allowed:
        return result
    again = replace(result, selection=choice, notes=result.source.notes)
    return select_ladder(again, read_throughput(choice, read_input))


def _asked(
    row: EncoderRow,
    source: Source,
    resolutions: Sequence[Resolution] | None,
    rules: RungChoice,
    gop: int,
    sampling: Sampling,
    observe: Observer,
) -> LadderResult:
    """Make the result as far as it is known before anything is chosen or measured."""
    sizes = _checked_resolutions(resolutions, rules, source, observe)
    return LadderResult(
        schema_version=1,
        tool_version=__version__,
        src=source.path,
        source=_source(source),
        filter=source.filters,
        hdr=source.is_hdr,
        encoder=row.name,
        target_vmafs=(),
        resolutions=sizes,
        cloud=(),
        gop_frames=gop,
        segment_duration=segment_length(source.frame_rate, gop),
        sampling=sampling,
        notes=source_notes(source),
    )


def _aimed(
    asked: LadderResult, targets: Sequence[float], rungs: RungOptions | None, model: VmafModel
) -> LadderResult:
    """Add the targets, and how rungs are chosen, as far as the model can give them."""
    if not targets:
        raise InvalidLadderError("A ladder needs at least one target.")
    wanted = checked_targets(targets, model)
    choice = changed_choice(default_choice(wanted), _checked_rungs(rungs, model))
    return replace(asked, target_vmafs=wanted, selection=choice)


def _filled(
    asked: LadderResult,
    source: Source,
    row: EncoderRow,
    sampler: Sampler,
    workers: int | None,
    session: Session,
    observe: Observer,
) -> LadderResult:
    """Have the caller's own sampler fill the cells."""
    jobs = [(row, size) for size in asked.resolutions]
    cells = sample_grid(
        asked.resolutions,
        asked.target_vmafs,
        sampler,
        workers=workers or session.probing.slots or LocalCores(source.resolution).workers(jobs),
        n_frames=source.n_frames,
        observe=observe,
    )
    return _with_cells(asked, cells)


def _measured(
    asked: LadderResult,
    prepared: PreparedSource,
    row: EncoderRow,
    score_at: ScoreAt,
    workers: int | None,
    observe: Observer,
) -> LadderResult:
    """Measure, and tell what with."""
    sizes, targets, session = asked.resolutions, asked.target_vmafs, prepared.session
    # Any size will do, as long as the encoder takes it: each rendition puts its own there.
    base = prepared.request(row, targets[0], size=sizes[0])
    for size in sizes:
        row.check(rendition_search(base, size, score_at).template.encode)
    # They are the ladder's own, not each cell's.
    notes, base = base.notes, replace(base, notes=())
    prepared.require(row)
    prepared.require_arguments(base)
    at_once = workers or session.probing.slots
    at_once = at_once or prepared.cores.workers([(row, size) for size in sizes])
    prober, prescan = prepared.probers([row], workers=min(at_once, len(sizes)))
    if asked.sampling is Sampling.ADAPTIVE:
        # The planner takes numpy, which a grid that is recalled from the store does without.
        from vmafx_tune.ladder.adaptive_engine import sample_adaptively

        cells = sample_adaptively(
            sizes, targets, base, prober, workers=at_once, score_at=score_at, observe=observe
        )
    else:
        sampler = SearchingSampler(
            base,
            sizes,
            prober,
            targets=targets,
            score_at=score_at,
            observe=observe,
            prescan=prescan,
        )
        cells = sample_grid(
            sizes,
            targets,
            sampler,
            workers=at_once,
            n_frames=base.n_frames,
            observe=observe,
            stop=prober.cancel,
        )
    found = _with_cells(asked, cells)
    return replace(
        found,
        source=replace(
            found.source,
            bitrate_kbps=_source_kbps(prepared, found.probes),
            digest=session.facts.digest(prepared.source.path),
        ),
        notes=(*found.notes, *prepared.notes, *notes),
        score_at=score_at,
        strategy=None if asked.sampling is Sampling.ADAPTIVE else prepared.encoding.strategy,
        new_probes=sum(not point.cached for point in found.probes),
        sample=prepared.sampled,
        chunk_frames=prepared.chunk_frames,
        ffmpeg_bin=session.probing.ffmpeg.path,
        **prepared.provenance,
    )


def _with_cells(asked: LadderResult, cells: tuple[LadderCell, ...]) -> LadderResult:
    points = points_of(cells)
    told = [point.comparison for point in points if point.comparison is not None]
    largest = max(told, key=lambda one: one.width * one.height, default=None)
    return replace(asked, cloud=cells, probes=points, comparison=largest)


def _check_sampling(
    sampling: Sampling, sampler: Sampler | None, encoding: EncodingOptions | None
) -> None:
    if sampling is Sampling.GRID:
        return
    if sampler is not None:
        raise UsageError(
            "A custom sampler fills every cell, as with the sampling 'grid'; 'adaptive' chooses "
            "single encodes itself. Leave out one of them."
        )
    if encoding is not None and encoding.verify:
        raise UsageError(
            "--verify proves the answers of searches on the whole clip, but --sampling adaptive "
            "makes no searches. Leave it out, or use --sampling grid."
        )


def _capped(asked: LadderResult, caps: CapFactors | None) -> LadderResult:
    if caps is None:
        return asked
    return replace(asked, maxrate_factor=caps.maxrate, bufsize_factor=caps.bufsize)


def _cap_factors(
    caps: CapOptions | None, row: EncoderRow, encoding: EncodingOptions | None
) -> CapFactors | None:
    factors = None if caps is None else cap_factors(caps.maxrate_factor, caps.bufsize_factor)
    if factors is None:
        return None
    row.require_caps()
    if encoding is not None and (encoding.sample is not None or encoding.chunk_s is not None):
        named = "--chunk" if encoding.sample is None else "--sample"
        raise UsageError(
            f"--maxrate-factor is in the average of the whole encode, but with {named} only parts "
            "are encoded. Leave out one of them."
        )
    return factors


def _checked_rungs(rungs: RungOptions | None, model: VmafModel) -> RungOptions:
    rungs = rungs or RungOptions()
    if rungs.min_vmaf:  # 0 is a way to say that there is no limit
        checked_score(rungs.min_vmaf, model, "A --min-vmaf")
    if rungs.max_vmaf is not None:
        checked_score(rungs.max_vmaf, model, "A --max-vmaf")
    return rungs


def _known_model(name: str | None) -> VmafModel:
    """Find what is known of the model that scored a ladder, perhaps elsewhere."""
    return BUILT_IN_MODELS.get(name or "", VmafModel(name or "the model", ceiling=math.inf))


def _source_kbps(prepared: PreparedSource, points: Sequence[LadderPoint]) -> float | None:
    largest = max((point.size_bytes or 0 for point in points), default=0)
    return prepared.session.reader.video_bitrate_kbps(prepared.source, largest)


def _source(source: Source) -> LadderSource:
    return LadderSource(
        width=source.resolution.width,
        height=source.resolution.height,
        frame_rate=source.frame_rate,
        n_frames=source.n_frames,
        pix_fmt=source.pixel_format.name,
        color_transfer=source.color_transfer,
        notes=source_notes(source),
        damage=source.damage,
    )


def _checked_resolutions(
    resolutions: Sequence[Resolution] | None,
    rules: RungChoice,
    source: Source,
    observe: Observer,
) -> tuple[Resolution, ...]:
    sizes = ruled_resolutions(resolutions, source, rules)
    usual = default_resolutions(source) if resolutions is None else resolutions
    named = (*(resolutions or ()), *(size for size in sizes if size not in usual))
    if named or resolutions is not None:
        for note in check_resolutions(named, source):
            observe(Warned(note))
    sizes = tuple(sorted(sizes, key=lambda size: (size.pixels, size), reverse=True))
    for size in sizes:
        check_woven(source, size)
    return sizes


def _gop_as(other: LadderResult | None, source: Source) -> int | None:
    """Count the frames of a GOP that is as long as those of another ladder."""
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


def _checked_gop_frames(gop_s: float, source: Source) -> int:
    if not 0 < gop_s <= _LONGEST_GOP_S:
        raise InvalidLadderError(
            f"{gop_s:g} s is not a valid GOP length: players start and switch at keyframes. Use "
            f"more than 0 and at most {_LONGEST_GOP_S:g} s."
        )
    return gop_frames(gop_s, source.frame_rate)
