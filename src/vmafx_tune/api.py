"""The public Python API: what the commands do, as functions that return results.

Example:
    >>> from vmafx_tune import compare
    >>> result = compare("clip.mp4", ["libx264", "libsvtav1"], [90])  # doctest: +SKIP
    >>> result.rows[0].encoder  # doctest: +SKIP
    'libsvtav1'
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.core.alignment import check_source, pair_notes
from vmafx_tune.core.grid import KnobGrid
from vmafx_tune.errors import EncoderUnavailableError, MediaError, UsageError
from vmafx_tune.events import Observer, Warned, ignore
from vmafx_tune.model import EncodeSpec, ProbeSpec, ScoreRequest
from vmafx_tune.options import EncodingOptions, RawOptions, ScoringOptions, ToolOptions
from vmafx_tune.parsing import parse_arguments
from vmafx_tune.results import CompareResult
from vmafx_tune.wiring import Toolbox
from vmafx_tune.workflows.compare import CompareRequest
from vmafx_tune.workflows.compare import compare as run_compare
from vmafx_tune.workflows.request import SearchRequest
from vmafx_tune.workflows.score import ScoreJob
from vmafx_tune.workflows.score import score as run_score
from vmafx_tune.workflows.search import search as run_search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.model import Source, VmafModel
    from vmafx_tune.ports import Scorer
    from vmafx_tune.results import ScoreResult, SearchResult

__all__ = ["compare", "score", "search"]


def score(
    reference: str | Path,
    distorted: str | Path,
    *,
    scoring: ScoringOptions | None = None,
    raw: RawOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    toolbox: Toolbox | None = None,
) -> ScoreResult:
    """Score a distorted clip against its reference with VMAF.

    Args:
        reference: The clip as it should look.
        distorted: The clip to judge; scaled to the reference's size where its own differs.
        scoring: Model, backend, pooling, subsampling.
        raw: Geometry of `.yuv` files.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, perhaps from other threads.
        toolbox: Use these adapters instead of ones made from `raw` and `tools`.

    Returns:
        Per-frame scores, pooled in every way.

    Raises:
        MediaError: A clip cannot be used, or the two differ in length.
        ScoringError: VMAF cannot be computed.
        ToolError: A program is missing or failed.
        UsageError: An option makes no sense.
    """
    scoring = scoring or ScoringOptions()
    box = toolbox or Toolbox(tools, raw)
    source, encoded = box.source(Path(reference)), box.source(Path(distorted))
    _tell(observe, check_source(source, allow_hdr=scoring.allow_hdr))
    _tell(observe, pair_notes(source, encoded))
    model = box.model(scoring.model, source.resolution)
    request = ScoreRequest(
        reference=source,
        distorted=encoded,
        model=model,
        display=source.resolution,
        subsample=scoring.subsample,
        threads=scoring.threads,
    )
    scorer = box.scorer(scoring.backend, model, at_once=True)
    return run_score(ScoreJob(request, scoring.pool), scorer, observe=observe)


def search(
    source: str | Path,
    encoder: str,
    target: float,
    *,
    encoding: EncodingOptions | None = None,
    scoring: ScoringOptions | None = None,
    raw: RawOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    toolbox: Toolbox | None = None,
) -> SearchResult:
    """Find the worst-quality setting of an encoder that still reaches a target, and prove it.

    Args:
        source: The clip to encode.
        encoder: ffmpeg's name of the encoder, or an alias such as `x265`.
        target: Pooled VMAF score to reach; a tie passes.
        encoding: Preset, range of the quality knob, further encoder arguments.
        scoring: Model, backend, pooling, subsampling.
        raw: Geometry of a `.yuv` source.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, perhaps from other threads.
        toolbox: Use these adapters instead of ones made from `raw` and `tools`.

    Returns:
        The answer with its proof; for a target out of reach the best probe with the reason
        (`ok` is False).

    Raises:
        EncoderUnavailableError: This ffmpeg lacks the encoder, or this machine cannot open it.
        VmafxTuneError: As `score`, and where a trial encode fails.
    """
    bench = _Bench.prepare(source, encoding, scoring, toolbox or Toolbox(tools, raw), observe)
    row = _row(encoder)
    request = bench.request(row, _checked_target(target, bench.model))
    bench.require(row)
    return run_search(request, bench.box.prober(bench.scorer), observe=observe)


def compare(
    source: str | Path,
    encoders: Sequence[str],
    targets: Sequence[float],
    *,
    anchor: str | None = None,
    workers: int | None = None,
    encoding: EncodingOptions | None = None,
    scoring: ScoringOptions | None = None,
    raw: RawOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    toolbox: Toolbox | None = None,
) -> CompareResult:
    """Rank encoders by the bitrate that each needs for the same quality.

    Args:
        source: The clip to encode.
        encoders: ffmpeg's names of the encoders, or aliases.
        targets: Pooled VMAF scores to reach.
        anchor: Encoder that BD-rates are against; must be one of `encoders`.
        workers: Encoders worked on at once; None chooses by the number of cores.
        encoding: Preset, range of the quality knob, further encoder arguments.
        scoring: Model, backend, pooling, subsampling.
        raw: Geometry of a `.yuv` source.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, from several threads.
        toolbox: Use these adapters instead of ones made from `raw` and `tools`.

    Returns:
        A row for each encoder and target; those that failed say why.

    Raises:
        UnknownEncoderError: A name is in no registry row.
        VmafxTuneError: The source, the scorer or an option cannot be used. What goes wrong with
            one encoder only is told in its rows.
    """
    started = time.monotonic()
    bench = _Bench.prepare(source, encoding, scoring, toolbox or Toolbox(tools, raw), observe)
    rows = _distinct([_row(name) for name in encoders])
    checked = tuple(sorted({_checked_target(target, bench.model) for target in targets}))
    if not rows or not checked:
        raise UsageError("A comparison needs at least one encoder and one target.")
    request = _compare_request(bench, rows, checked, _anchor(anchor, rows), workers)
    found, bd_rates = run_compare(request, bench.box.prober(bench.scorer), observe=observe)
    return CompareResult(
        source=bench.source,
        encoders=tuple(row.name for row in rows),
        targets=checked,
        model=bench.model,
        pool=bench.scoring.pool,
        display=bench.source.resolution,
        subsample=bench.scoring.subsample,
        rows=found,
        bd_rates=bd_rates,
        anchor=request.anchor,
        wall_time_s=time.monotonic() - started,
        ffmpeg=bench.box.ffmpeg.path,
        ffmpeg_version=bench.box.ffmpeg.version,
        backend=bench.scorer.name,
        backend_version=bench.scorer.version,
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    """A source made ready for trial encodes: everything that is checked before work starts."""

    box: Toolbox
    source: Source
    model: VmafModel
    scorer: Scorer
    encoding: EncodingOptions
    scoring: ScoringOptions

    @classmethod
    def prepare(
        cls,
        source: str | Path,
        encoding: EncodingOptions | None,
        scoring: ScoringOptions | None,
        box: Toolbox,
        observe: Observer,
    ) -> _Bench:
        encoding, scoring = encoding or EncodingOptions(), scoring or ScoringOptions()
        probed = box.source(Path(source))
        _tell(observe, check_source(probed, allow_hdr=scoring.allow_hdr))
        model = box.model(scoring.model, probed.resolution)
        return cls(box, probed, model, box.scorer(scoring.backend, model), encoding, scoring)

    def request(self, row: EncoderRow, target: float) -> SearchRequest:
        """Build the search of one encoder.

        Raises:
            UsageError: The preset, the range or the step is not one that the encoder takes.
            MediaError: The encoder cannot take the source.
        """
        return SearchRequest(
            template=self._template(row),
            knob=row.knob.name,
            grid=_grid(row, self.encoding),
            target=target,
            pool=self.scoring.pool,
            max_iter=self.encoding.max_iter,
        )

    def _template(self, row: EncoderRow) -> ProbeSpec:
        encode = EncodeSpec(
            source=self.source,
            encoder=row.name,
            quality=row.knob.default,
            preset=self.encoding.preset,
            extra_args=parse_arguments(self.encoding.encoder_args),
            threads=self.scoring.threads,
        )
        row.check(encode)
        return ProbeSpec(
            encode=encode,
            model=self.model,
            display=self.source.resolution,
            subsample=self.scoring.subsample,
            threads=self.scoring.threads,
        )

    def require(self, row: EncoderRow) -> None:
        """Make sure that an encoder runs here.

        Raises:
            EncoderUnavailableError: It does not, with the reason.
        """
        reason = self.box.availability(row).why_not
        if reason is not None:
            raise EncoderUnavailableError(reason)


def _compare_request(
    bench: _Bench,
    rows: Sequence[EncoderRow],
    targets: tuple[float, ...],
    anchor: str | None,
    workers: int | None,
) -> CompareRequest:
    searches, unavailable = [], {}
    for row in rows:
        try:
            searches.append(bench.request(row, targets[0]))
            bench.require(row)
        except (MediaError, EncoderUnavailableError) as error:
            unavailable[row.name] = str(error)
    able = tuple(search for search in searches if search.encoder not in unavailable)
    return CompareRequest(
        searches=able,
        targets=targets,
        unavailable=unavailable,
        anchor=anchor,
        workers=workers or default_workers(len(able)),
    )


def default_workers(n_jobs: int) -> int:
    """Choose how many encoders to work on at once.

    Encoders and libvmaf use several threads each, but none keeps every core busy all the time, so
    two at once fill the gaps of each other, and more would only fight for memory.
    """
    return max(1, min(n_jobs, (os.cpu_count() or 1) // 2 + 1))


def _row(name: str) -> EncoderRow:
    from vmafx_tune.encoders.registry import encoder_row

    return encoder_row(name)


def _distinct(rows: Sequence[EncoderRow]) -> tuple[EncoderRow, ...]:
    # An encoder may be named twice, by its name and by an alias.
    return tuple({row.name: row for row in rows}.values())


def _anchor(name: str | None, rows: Sequence[EncoderRow]) -> str | None:
    if name is None:
        return None
    anchor = _row(name).name
    if anchor not in {row.name for row in rows}:
        raise UsageError(f"The anchor {anchor} is not among the encoders compared. Add it to them.")
    return anchor


def _checked_target(target: float, model: VmafModel) -> float:
    if not (math.isfinite(target) and 0 < target <= model.ceiling):
        raise UsageError(
            f"A target of {target:g} is out of the model's range: {model.name} goes up to "
            f"{model.ceiling:g}, and a target is above 0."
        )
    return float(target)


def _grid(row: EncoderRow, encoding: EncodingOptions) -> KnobGrid:
    knob = row.knob
    lo, hi = encoding.crf_lo, encoding.crf_hi
    if (lo is None) != (hi is None):
        given, missing = ("--crf-lo", "--crf-hi") if hi is None else ("--crf-hi", "--crf-lo")
        raise UsageError(f"{given} was given without {missing}. Give both, or neither.")
    if lo is None or hi is None:
        lo, hi = knob.lo, knob.hi
    if lo > hi:
        raise UsageError(f"--crf-lo {lo:g} is above --crf-hi {hi:g}. Swap the two.")
    if lo < knob.lo or hi > knob.hi:
        raise UsageError(
            f"The range {lo:g} to {hi:g} is outside of what {row.name} takes: {knob.name} goes "
            f"from {knob.lo:g} to {knob.hi:g}."
        )
    knob.check_increment(encoding.crf_step)
    return KnobGrid.between(lo, hi, encoding.crf_step, higher_is_better=knob.higher_is_better)


def _tell(observe: Observer, notes: Sequence[str]) -> None:
    for note in notes:
        observe(Warned(note))
