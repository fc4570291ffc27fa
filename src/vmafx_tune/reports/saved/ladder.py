"""Reads a ladder back from its JSON, whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vmafx_tune.choices import Sampling, ScoreAt, SearchStrategy, Spacing
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.selection_options import default_choice
from vmafx_tune.model import Comparison, Damage, PoolMethod
from vmafx_tune.reports.documents.ladder import LadderDocument
from vmafx_tune.reports.documents.ladder_parts import (
    CloudPoint,
    HullPoint,
    ProbePart,
    Rendition,
    Selection,
)
from vmafx_tune.reports.saved import values
from vmafx_tune.reports.saved.parsing import UnreadableError, parse_object, validated
from vmafx_tune.results.ladder import (
    LadderCell,
    LadderPoint,
    LadderResult,
    LadderRung,
    LadderTitle,
    RungChoice,
)
from vmafx_tune.results.sample import Sample, SampledPart
from vmafx_tune.results.score import PooledScores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmafx_tune.model import Resolution
    from vmafx_tune.reports.documents.fields import Pooled
    from vmafx_tune.reports.documents.sample import SampledClip

__all__ = ["read_ladder"]

_Encode: TypeAlias = CloudPoint | HullPoint | ProbePart | Rendition
_Key: TypeAlias = tuple[int, int, float]

_SCHEMA_VERSION = 1
_UNTOLD = "It failed, and the saved ladder does not say why."
# A field that only the document of that command has.
_OTHER_DOCUMENTS = {
    "rows": "compare",
    "bisect_samples": "search",
    "distorted": "score",
    "encoders": "encoders",
    "checks": "doctor",
}


def read_ladder(text: str, name: str = "the ladder") -> LadderResult:
    """Read a ladder from the JSON that `ladder` writes, or another tool by the same contract.

    What only vmafx-tune writes may be missing: it is None or empty in the result. Where the probes
    are missing, the points are what cloud, hull and renditions tell of.

    Args:
        text: The document.
        name: What messages call it.

    Returns:
        A result whose own document is the same text, where this version of vmafx-tune wrote it.

    Raises:
        InvalidLadderError: It is not a ladder, or one that makes no sense.
    """
    try:
        return _result(_document(parse_object(text)))
    except UnreadableError as error:
        raise InvalidLadderError(f"No ladder can be read from {name}: it {error}.") from error


def _document(data: dict[str, Any]) -> LadderDocument:
    version = data.get("schema_version")
    if "cloud" not in data:
        other = next((_OTHER_DOCUMENTS[field] for field in data if field in _OTHER_DOCUMENTS), None)
        hint = f"; it looks like a result of {other}" if other else ""
        raise UnreadableError(f"has no cloud{hint}")
    if isinstance(version, int) and version > _SCHEMA_VERSION:
        raise UnreadableError(
            f"was written by a newer vmafx-tune (schema {version}; this one knows "
            f"{_SCHEMA_VERSION}). Update vmafx-tune"
        )
    return validated(LadderDocument, data)


def _result(document: LadderDocument) -> LadderResult:
    targets = tuple(sorted(set(document.target_vmafs)))
    resolutions = _resolutions(document)
    points = _points(document)
    return LadderResult(
        source=_title(document),
        encoder=document.encoder,
        targets=targets,
        resolutions=resolutions,
        cells=tuple(_cells(document, resolutions, targets)),
        points=tuple(points.values()),
        hull=tuple(points[_key(part)] for part in document.hull),
        rungs=tuple(_rung(part, points[_key(part)]) for part in document.renditions),
        notes=tuple(document.notes),
        choice=_choice(document.selection, targets),
        wall_time_s=values.known(values.seconds(document.wall_time_ms, "wall_time_ms")),
        **_circumstances(document),
    )


def _circumstances(document: LadderDocument) -> dict[str, Any]:
    display, score_at, pool = document.display, document.score_at, document.pool
    named, sampling = document.strategy, document.sampling
    return {
        "display": None if display is None else values.size_text(display, "display"),
        "score_at": None if score_at is None else values.member(ScoreAt, score_at, "score_at"),
        "model": document.model,
        "pool": None if pool is None else values.member(PoolMethod, pool, "pool"),
        "subsample": values.count(document.subsample, "subsample"),
        "gop_frames": values.count(document.gop_frames, "gop_frames"),
        "segment_s": values.fraction(document.segment_duration, "segment_duration"),
        "ffmpeg": None if document.ffmpeg_bin is None else Path(document.ffmpeg_bin),
        "ffmpeg_version": document.ffmpeg_version,
        "backend": document.backend,
        "backend_version": document.backend_version,
        "sampling": None if sampling is None else values.member(Sampling, sampling, "sampling"),
        "strategy": None if named is None else values.member(SearchStrategy, named, "strategy"),
        "new_probes": values.not_negative(document.new_probes, "new_probes"),
        "sample": _sample(document.sample),
        "chunk_frames": values.count(document.chunk_frames, "chunk_frames"),
        "comparison": document.comparison and Comparison(**document.comparison.model_dump()),
    }


def _sample(clip: SampledClip | None) -> Sample | None:
    """Read a sample; ladders have no estimate in it."""
    if clip is None:
        return None
    return Sample(
        segments=tuple(
            SampledPart(
                values.not_negative(part.first_frame, f"sample.segments[{index}].first_frame"),
                values.count(part.n_frames, f"sample.segments[{index}].n_frames"),
                values.number(part.start_s, f"sample.segments[{index}].start_s"),
            )
            for index, part in enumerate(clip.segments)
        ),
        share=values.share(clip.share, "sample.share"),
        subsample=values.count(clip.subsample, "sample.subsample"),
        verified=clip.verified,
    )


def _resolutions(document: LadderDocument) -> tuple[Resolution, ...]:
    texts = document.resolutions
    return tuple(
        values.size_text(text, f"resolutions[{index}]") for index, text in enumerate(texts)
    )


def _title(document: LadderDocument) -> LadderTitle:
    source = document.source
    resolution = None
    if source.width is not None or source.height is not None:
        resolution = values.size(source.width, source.height, "source")
    return LadderTitle(
        Path(document.src),
        resolution,
        values.fraction(source.frame_rate, "source.frame_rate"),
        values.count(source.n_frames, "source.n_frames"),
        source.pix_fmt,
        source.color_transfer,
        tuple(source.notes),
        None
        if source.damage is None
        else Damage(source.damage.frame, source.damage.time_s, source.damage.reason),
        source.bitrate_kbps,
        document.filter,
    )


def _cells(
    document: LadderDocument, resolutions: tuple[Resolution, ...], targets: tuple[float, ...]
) -> Iterator[LadderCell]:
    grid = [(size, target) for size in resolutions for target in targets]
    for index, part in enumerate(document.cloud):
        where = f"cloud[{index}]"
        size = values.size(part.width, part.height, where)
        target = part.target_vmaf
        if target is None and len(grid) == len(document.cloud) and grid[index][0] == size:
            target = grid[index][1]
        if target is None:
            raise UnreadableError(f"has no {where}.target_vmaf, and its place does not tell it")
        yield _cell(part, size, target)


def _cell(part: CloudPoint, size: Resolution, target: float) -> LadderCell:
    if not part.ok:
        error = _UNTOLD if part.error is None else part.error
        return LadderCell(size, target, error=error, error_kind=part.error_kind, note=part.note)
    return LadderCell(
        size,
        target,
        quality=part.crf,
        bitrate_kbps=part.bitrate_kbps,
        vmaf=part.vmaf,
        error_kind=part.error_kind,
        note=part.note,
    )


def _points(document: LadderDocument) -> dict[_Key, LadderPoint]:
    """Collect every encode that the document tells of, each once, by the fullest account of it."""
    detailed = {
        **dict(_encodes(document.renditions, "renditions")),
        **dict(_encodes(document.probes, "probes")),
    }
    answers = ((index, part) for index, part in enumerate(document.cloud) if part.ok)
    points = {key: detailed[key] for key, _ in _encodes(document.probes, "probes")}
    for key, point in (
        *((_key(part), _point(part, f"cloud[{index}]")) for index, part in answers),
        *_encodes(document.hull, "hull"),
        *_encodes(document.renditions, "renditions"),
    ):
        points.setdefault(key, detailed.get(key, point))
    return points


def _encodes(parts: Iterable[_Encode], where: str) -> Iterator[tuple[_Key, LadderPoint]]:
    for index, part in enumerate(parts):
        yield _key(part), _point(part, f"{where}[{index}]")


def _key(part: _Encode) -> _Key:
    return (part.width, part.height, part.crf)


def _point(part: _Encode, where: str) -> LadderPoint:
    return LadderPoint(
        values.size(part.width, part.height, where),
        part.crf,
        values.above_zero(part.bitrate_kbps, f"{where}.bitrate_kbps"),
        values.number(part.vmaf, f"{where}.vmaf"),
        **_details(part, where) if isinstance(part, ProbePart | Rendition) else {},
        **_times(part, where) if isinstance(part, ProbePart) else {},
    )


def _details(part: ProbePart | Rendition, where: str) -> dict[str, Any]:
    peak_kbps = part.peak_bitrate_kbps
    return {
        "peak_bitrate_kbps": None
        if peak_kbps is None
        else values.above_zero(peak_kbps, f"{where}.peak_bitrate_kbps"),
        "codecs": part.codecs,
        "command": values.command(part.encode_command, f"{where}.encode_command"),
        "chunk_commands": tuple(
            values.command(text, f"{where}.chunk_commands[{index}]")
            for index, text in enumerate(part.chunk_commands)
        ),
        "pooled": None if part.vmaf_pooled is None else _pooled(part.vmaf_pooled),
        "size_bytes": values.not_negative(part.size_bytes, f"{where}.size_bytes"),
        "encoder_version": part.encoder_version,
    }


def _times(part: ProbePart, where: str) -> dict[str, Any]:
    return {
        "encode_time_s": values.seconds(part.encode_time_ms, f"{where}.encode_time_ms"),
        "score_time_s": values.seconds(part.score_time_ms, f"{where}.score_time_ms"),
    }


def _rung(part: Rendition, point: LadderPoint) -> LadderRung:
    name = f"{point.resolution}-{point.quality:g}" if part.name is None else part.name
    return LadderRung(name, point, part.target_vmaf)


def _choice(part: Selection | None, targets: tuple[float, ...]) -> RungChoice:
    if part is None:
        return default_choice(targets)
    gap_kbps = values.number(part.min_bitrate_gap_kbps, "selection.min_bitrate_gap_kbps")
    return RungChoice(
        spacing=values.member(Spacing, part.spacing, "selection.spacing"),
        max_rungs=values.count(part.max_rungs, "selection.max_rungs"),
        min_bitrate_gap_kbps=values.not_negative(gap_kbps, "selection.min_bitrate_gap_kbps"),
        vmaf_step=values.above_zero(part.vmaf_step, "selection.vmaf_step"),
        min_vmaf=part.min_vmaf,
        max_vmaf=part.max_vmaf,
        min_bitrate_kbps=part.min_bitrate_kbps,
        max_bitrate_kbps=part.max_bitrate_kbps,
        throughput=part.throughput,
        safety_factor=values.share(part.safety_factor, "selection.safety_factor"),
        mixed_resolutions=part.mixed_resolutions,
    )


def _pooled(part: Pooled) -> PooledScores:
    return PooledScores(**{name: values.known(value) for name, value in part})
