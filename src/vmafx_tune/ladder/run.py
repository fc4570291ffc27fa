"""Build the ladders of one source, or choose rungs anew from those of one or of several."""

from __future__ import annotations

import time
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from vmafx_tune._version import __version__
from vmafx_tune.choices import Minimize, Sampling, ScoreAt
from vmafx_tune.cpus import LocalCores
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.events import Observer, Warned, ignore
from vmafx_tune.files import read_input
from vmafx_tune.frozen import frozen
from vmafx_tune.ladder.cells import (
    SearchingSampler,
    aligned_gop_frames,
    checked_gop_frames,
    rendition_search,
)
from vmafx_tune.ladder.engine import points_of, sample_grid, select_ladder
from vmafx_tune.ladder.limits import shrinks
from vmafx_tune.ladder.resolutions import (
    check_resolutions,
    default_resolutions,
    ruled_resolutions,
)
from vmafx_tune.ladder.rung_options import (
    changed_choice,
    checked_rungs,
    default_choice,
    read_throughput,
    size_rules,
)
from vmafx_tune.ladder.selection import select_rungs
from vmafx_tune.media.packets import segment_length
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
from vmafx_tune.results.ladder import LadderEncoding, LadderResult, LadderSource
from vmafx_tune.scoring.models import known_model
from vmafx_tune.scoring.targets import checked_targets
from vmafx_tune.session import open_session
from vmafx_tune.source import check_woven, open_source, source_notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.ladder.engine import Sampler
    from vmafx_tune.ladder.throughput import Throughput
    from vmafx_tune.model import CapFactors, Resolution, Source, VmafModel
    from vmafx_tune.results.catalogue import CatalogueResult
    from vmafx_tune.results.ladder import LadderCell, LadderPoint
    from vmafx_tune.results.rung_choice import RungChoice
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.session import Session

__all__ = ["catalogue", "distinct_rows", "ladder", "ladders", "reselect"]


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
        source: The clip to encode: a file, or a URL as a string.
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
        UsageError: `sampling` is adaptive with a `sampler`, or with answers to be verified.
        InvalidLadderError: The resolutions or limits cannot make a ladder.
        FormatMismatchError: The source is interlaced, and would be scaled.
        EncoderUnavailableError: This ffmpeg lacks the encoder, or this machine cannot open it.
        VmafxTuneError: The source, the scorer or an option cannot be used.
    """
    order = _Order(
        targets=targets,
        resolutions=resolutions,
        sampling=sampling,
        score_at=score_at,
        gop_s=gop_s,
        same_gop_as=same_gop_as,
        rungs=rungs or RungOptions(),
        caps=caps,
        workers=workers,
        encoding=encoding,
        scoring=scoring,
        sampler=sampler,
    )
    with open_session(session, tools, sources, observe) as session:
        return next(_built(source, [row_of(encoder)], order, session))


def ladders(
    source: str | Path,
    encoders: Sequence[str],
    targets: Sequence[float] = DEFAULT_LADDER_TARGETS,
    *,
    rungs: RungOptions | None = None,
    sources: SourceOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
    **options: Any,
) -> Iterator[LadderResult]:
    """Find the ladders of a title with several encoders, one after the other.

    All have the same resolutions, targets and GOPs, so `package` takes them together. The source is
    prepared once, and what can be known to go wrong with any encoder is found out before the first
    encode. With the sampling `adaptive`, what was measured with the encoders before shows where the
    curves of the next one should be, which takes about half of its encodes.

    Args:
        source: The clip to encode, as in `ladder`.
        encoders: ffmpeg's names of the encoders, or aliases, each once.
        targets: Pooled VMAF scores to reach.
        rungs: How rungs are chosen.
        sources: How sources are read.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, from several threads.
        session: Use these adapters instead of ones made from `sources` and `tools`.
        options: Further arguments of `ladder`, by name.

    Yields:
        The ladder of each encoder, as soon as it is done, in the order of `encoders`.

    Raises:
        UsageError: No encoder is named, or one is named twice; or as in `ladder`.
        VmafxTuneError: As in `ladder`.
    """
    order = _Order(targets=targets, rungs=rungs or RungOptions(), **options)
    with open_session(session, tools, sources, observe) as session:
        yield from _built(source, distinct_rows(encoders), order, session)


def distinct_rows(encoders: Sequence[str]) -> tuple[EncoderRow, ...]:
    """Find the rows of encoders that each have a ladder of their own.

    Raises:
        UsageError: There are none, one is in no registry row, or one is named twice.
    """
    rows: dict[str, EncoderRow] = {}
    for name in encoders:
        row = row_of(name)
        if row.name in rows:
            raise UsageError(f"The encoder {row.name} is named twice. Name each encoder once.")
        rows[row.name] = row
    if not rows:
        raise UsageError("A ladder needs at least one encoder.")
    return tuple(rows.values())


@frozen
class _Order:
    """What is asked of the ladders of one source; see `ladder`."""

    targets: Sequence[float]
    rungs: RungOptions
    resolutions: Sequence[Resolution] | None = None
    sampling: Sampling = Sampling.GRID
    score_at: ScoreAt = ScoreAt.DISPLAY
    gop_s: float = 2.0
    same_gop_as: LadderResult | None = None
    caps: CapOptions | None = None
    workers: int | None = None
    encoding: EncodingOptions | None = None
    scoring: ScoringOptions | None = None
    sampler: Sampler | None = None


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
    choice = changed_choice(chosen, checked_rungs(rungs, known_model(result.model)))
    is_allowed = choice.mixed_resolutions or not shrinks(result.renditions, attrgetter("pixels"))
    if choice == chosen and result.renditions and is_allowed:
        return result
    measured = () if result.encoding is None else result.encoding.notes
    again = replace(result, selection=choice, notes=(*result.source.notes, *measured))
    return select_ladder(again, read_throughput(choice, read_input))


def catalogue(
    titles: Sequence[LadderResult],
    rungs: RungOptions | None = None,
    *,
    minimize: Minimize = Minimize.MEAN,
) -> CatalogueResult:
    """Choose one ladder for several titles, without an encode.

    Its rungs are resolutions and values of the quality knob. What they give a title is interpolated
    between what was measured of it.

    Args:
        titles: Their own ladders, measured in the same way.
        rungs: How rungs are chosen.
        minimize: Which loss decides where a resolution ends and the next one begins.

    Raises:
        InvalidLadderError: The titles cannot have a ladder in common, or no ladder keeps the rules.
        UsageError: An option makes no sense.
    """
    # Curves take numpy's time to load, which other ladders do without.
    from vmafx_tune.encoders.registry import all_rows
    from vmafx_tune.ladder.catalogue import catalogue_of, check_alike, common_rungs

    check_alike(titles, {name for row in all_rows() for name in row.preset_options})
    targets = sorted({target for title in titles for target in title.target_vmafs})
    options = checked_rungs(rungs, known_model(titles[0].model))
    choice = changed_choice(default_choice(targets), options)
    chosen = select_rungs(
        common_rungs(titles, minimize),
        choice,
        throughput=read_throughput(choice, read_input),
        tie_break=attrgetter("resolution", "crf"),
        size_of=attrgetter("resolution"),
    )
    return catalogue_of(titles, chosen, choice, minimize)


def _asked(row: EncoderRow, source: Source, order: _Order, observe: Observer) -> LadderResult:
    """Make the result as far as it is known before anything is chosen or measured."""
    rules = size_rules(order.rungs)
    gop = aligned_gop_frames(order.same_gop_as, source) or checked_gop_frames(order.gop_s, source)
    sizes = _checked_resolutions(order.resolutions, rules, source, observe)
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
        encoding=_encoding(order.encoding or EncodingOptions()),
        sampling=order.sampling,
        notes=source_notes(source),
    )


def _aimed(
    asked: LadderResult, order: _Order, model: VmafModel
) -> tuple[LadderResult, Throughput | None]:
    """Add the targets, and how rungs are chosen, as far as the model can give them."""
    if not order.targets:
        raise InvalidLadderError("A ladder needs at least one target.")
    wanted = checked_targets(order.targets, model)
    choice = changed_choice(default_choice(wanted), checked_rungs(order.rungs, model))
    aimed = replace(asked, target_vmafs=wanted, selection=choice)
    return aimed, read_throughput(choice, read_input)


def _built(
    source: str | Path, rows: Sequence[EncoderRow], order: _Order, session: Session
) -> Iterator[LadderResult]:
    """Build the ladder of each encoder, one after the other."""
    if order.sampler is None:
        yield from _measured(source, rows, order, session)
        return
    for row in rows:
        yield _filled(source, row, order, order.sampler, session)


def _filled(
    source: str | Path, row: EncoderRow, order: _Order, sampler: Sampler, session: Session
) -> LadderResult:
    """Have the caller's own sampler fill the cells."""
    started = time.monotonic()
    if order.sampling is Sampling.ADAPTIVE:
        raise UsageError(
            "A custom sampler fills every cell, as with the sampling 'grid'; 'adaptive' chooses "
            "single encodes itself. Leave out one of them."
        )
    probed = open_source(source, order.scoring, session)
    _cap_factors(order.caps, [row], order.encoding)
    asked, throughput = _aimed(
        _asked(row, probed, order, session.observe), order, known_model(None)
    )
    jobs = [(row, size) for size in asked.resolutions]
    workers = order.workers or session.probing.slots
    cells = sample_grid(
        asked.resolutions,
        asked.target_vmafs,
        sampler,
        workers=workers or LocalCores(probed.resolution).workers(jobs),
        n_frames=probed.n_frames,
        observe=session.observe,
    )
    return _selected(_with_cells(asked, cells), throughput, started)


def _measured(
    source: str | Path, rows: Sequence[EncoderRow], order: _Order, session: Session
) -> Iterator[LadderResult]:
    """Measure with one encoder after the other, all of which are checked before the first."""
    started = time.monotonic()
    _check_sampling(order.sampling, order.encoding)
    probed = open_source(source, order.scoring, session)
    factors = _cap_factors(order.caps, rows, order.encoding)
    asked = _capped(_asked(rows[0], probed, order, session.observe), factors)
    prepared = PreparedSource.prepare(
        probed,
        order.encoding,
        order.scoring,
        session,
        gop_frames=asked.gop_frames,
        caps=factors,
    )
    asked, throughput = _aimed(asked, order, prepared.model)
    searches = [_checked_search(prepared, row, asked) for row in rows]
    shared = (*prepared.notes, *prepared.require_arguments(*searches))
    known: list[tuple[SearchRequest, LadderResult]] = []
    for row, search in zip(rows, searches, strict=True):
        cells = _cells(prepared, row, search, asked, order, known)
        own = _noted(replace(asked, encoder=row.name), (*shared, *search.notes))
        found = _found(own, prepared, cells, order)
        if order.sampling is Sampling.ADAPTIVE:
            found = replace(found, guided_by=tuple(other.encoder for _, other in known))
        found = _selected(found, throughput, started)
        if found.probes:
            known.append((search, found))
        yield found
        started = time.monotonic()


def _checked_search(
    prepared: PreparedSource, row: EncoderRow, asked: LadderResult
) -> SearchRequest:
    """Make the search that those of all sizes repeat, of an encoder that takes them and runs here.

    Its size is any of them: each rendition puts its own there.
    """
    search = prepared.request(row, asked.target_vmafs[0], size=asked.resolutions[0])
    for size in asked.resolutions:
        row.check(rendition_search(search, size).template.encode)
    prepared.require(row)
    return search


def _cells(
    prepared: PreparedSource,
    row: EncoderRow,
    search: SearchRequest,
    asked: LadderResult,
    order: _Order,
    known: Sequence[tuple[SearchRequest, LadderResult]],
) -> tuple[LadderCell, ...]:
    """Measure with one encoder."""
    sizes, targets = asked.resolutions, asked.target_vmafs
    workers = order.workers or prepared.session.probing.slots
    workers = workers or prepared.cores.workers([(row, size) for size in sizes])
    prober, prescan = prepared.probers([row], workers=min(workers, len(sizes)))
    # Their notes are the ladder's own, not each cell's.
    base = replace(search, notes=())
    if order.sampling is Sampling.ADAPTIVE:
        # The planner takes numpy, which a grid that is recalled from the store does without.
        from vmafx_tune.ladder.adaptive_engine import known_curves, sample_adaptively

        return sample_adaptively(
            sizes,
            targets,
            base,
            prober,
            workers=workers,
            score_at=order.score_at,
            others=[known_curves(*other) for other in known],
            observe=prepared.session.observe,
        )
    sampler = SearchingSampler(
        base,
        sizes,
        prober,
        targets=targets,
        score_at=order.score_at,
        observe=prepared.session.observe,
        prescan=prescan,
    )
    return sample_grid(
        sizes,
        targets,
        sampler,
        workers=workers,
        encoder=row.name,
        n_frames=base.n_frames,
        observe=prepared.session.observe,
        stop=prober.cancel,
    )


def _found(
    asked: LadderResult,
    prepared: PreparedSource,
    cells: tuple[LadderCell, ...],
    order: _Order,
) -> LadderResult:
    """Tell what was measured, and what with."""
    found, session = _with_cells(asked, cells), prepared.session
    is_adaptive = order.sampling is Sampling.ADAPTIVE
    return replace(
        found,
        source=replace(
            found.source,
            bitrate_kbps=_source_kbps(prepared, found.probes),
            digest=session.facts.digest(prepared.source.path),
        ),
        score_at=order.score_at,
        strategy=None if is_adaptive else prepared.encoding.strategy,
        new_probes=sum(not point.cached for point in found.probes),
        sample=prepared.sampled,
        chunk_frames=prepared.chunk_frames,
        ffmpeg_bin=session.probing.ffmpeg.path,
        **prepared.provenance,
    )


def _selected(found: LadderResult, throughput: Throughput | None, started: float) -> LadderResult:
    found = select_ladder(found, throughput)
    return replace(found, wall_time_ms=(time.monotonic() - started) * 1000)


def _with_cells(asked: LadderResult, cells: tuple[LadderCell, ...]) -> LadderResult:
    points = points_of(cells)
    told = [point.comparison for point in points if point.comparison is not None]
    largest = max(told, key=lambda one: one.width * one.height, default=None)
    return replace(asked, cloud=cells, probes=points, comparison=largest)


def _check_sampling(sampling: Sampling, encoding: EncodingOptions | None) -> None:
    if sampling is Sampling.ADAPTIVE and encoding is not None and encoding.verify:
        raise UsageError(
            "--verify proves the answers of searches on the whole clip, but --sampling adaptive "
            "makes no searches. Leave it out, or use --sampling grid."
        )


def _capped(asked: LadderResult, caps: CapFactors | None) -> LadderResult:
    if caps is None:
        return asked
    return replace(asked, maxrate_factor=caps.maxrate, bufsize_factor=caps.bufsize)


def _cap_factors(
    caps: CapOptions | None, rows: Sequence[EncoderRow], encoding: EncodingOptions | None
) -> CapFactors | None:
    factors = None if caps is None else cap_factors(caps.maxrate_factor, caps.bufsize_factor)
    if factors is None:
        return None
    for row in rows:
        row.require_caps()
    if encoding is not None and (encoding.sample is not None or encoding.chunk_s is not None):
        named = "--chunk" if encoding.sample is None else "--sample"
        raise UsageError(
            f"--maxrate-factor is in the average of the whole encode, but with {named} only parts "
            "are encoded. Leave out one of them."
        )
    return factors


def _source_kbps(prepared: PreparedSource, points: Sequence[LadderPoint]) -> float | None:
    largest = max((point.size_bytes or 0 for point in points), default=0)
    return prepared.session.reader.video_bitrate_kbps(prepared.source, largest)


def _encoding(encoding: EncodingOptions) -> LadderEncoding:
    return LadderEncoding(
        preset=encoding.preset, depth=encoding.depth, encoder_args=encoding.encoder_args
    )


def _noted(asked: LadderResult, notes: tuple[str, ...]) -> LadderResult:
    """Add what is to be known of its encodes; rungs that are chosen anew leave it as it is."""
    assert asked.encoding is not None
    encoding = replace(asked.encoding, notes=notes)
    return replace(asked, encoding=encoding, notes=(*asked.notes, *notes))


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
