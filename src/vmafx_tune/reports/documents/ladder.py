"""The JSON document of `ladder`, which `reports.saved_ladder` reads back.

What has a default may be missing in a document that another tool has written.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from vmafx_tune._version import __version__
from vmafx_tune.reports.documents.fields import (
    Comparison,
    Document,
    Number,
    Pooled,
    Text,
    comparison_fields,
    damage_part,
    milliseconds,
    path_text,
)
from vmafx_tune.reports.documents.ladder_parts import (
    CloudPoint,
    HullPoint,
    ProbePart,
    Rendition,
    Selection,
    SourcePart,
)
from vmafx_tune.reports.documents.sample import SampledClip, sampled_clip
from vmafx_tune.reports.text import command_line

if TYPE_CHECKING:
    from vmafx_tune.model import Resolution
    from vmafx_tune.results.ladder import (
        LadderCell,
        LadderPoint,
        LadderResult,
        LadderRung,
        LadderTitle,
    )

__all__ = ["LadderDocument", "ladder_document"]

_NO_QUALITY = -1


class LadderDocument(Document):
    """Which renditions an adaptive ladder should hold for one source, and what was measured."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    src: Text = Field(description="The source, as it was named.")
    encoder: Text = Field(description="ffmpeg's encoder name.")
    target_vmafs: list[float] = Field(description="Pooled scores to reach, ascending.")
    resolutions: list[Text] = Field(description="Sizes that were tried, as WxH.")
    tool_version: Text = Field(default="", description="Version of vmafx-tune.")
    wall_time_ms: Number = Field(default=None, description="Duration of the run that measured.")
    cloud: list[CloudPoint] = Field(
        description="One for each resolution and target, resolution-major, target-minor."
    )
    hull: list[HullPoint] = Field(
        default_factory=list,
        description="Upper hull of everything that was measured, by ascending bitrate.",
    )
    renditions: list[Rendition] = Field(
        default_factory=list, description="The rungs of the ladder, by ascending bitrate."
    )
    probes: list[ProbePart] = Field(
        default_factory=list, description="Every encode that was measured, each once."
    )
    source: SourcePart = Field(default=SourcePart(), description="Facts of the source.")
    display: Text | None = Field(default=None, description="Size at which viewers watch, as WxH.")
    score_at: Text | None = Field(
        default=None,
        description="Size at which renditions were scored: display or rendition, their own.",
    )
    model: Text = Field(
        default="", description="Name of the VMAF model; empty where it is not known."
    )
    pool: Text | None = Field(default=None, description="How frame scores are pooled.")
    subsample: int | None = Field(default=None, description="Every n-th frame was scored.")
    backend: Text = Field(default="", description="What computed the scores.")
    backend_version: Text = Field(
        default="", description="libvmaf's version; empty where it is not told."
    )
    ffmpeg_bin: Text | None = Field(default=None, description="Path of the ffmpeg used.")
    ffmpeg_version: Text = Field(default="", description="Version of the ffmpeg used.")
    hdr: bool = Field(
        default=False,
        description="The source is PQ or HLG, for which no public VMAF model is validated.",
    )
    gop_frames: int | None = Field(
        default=None, description="Length of the closed GOPs of all encodes."
    )
    segment_duration: Text | None = Field(
        default=None,
        description="Seconds of the segments behind the peaks, exactly: `6`, `1001/250`.",
    )
    sampling: Text | None = Field(
        default=None,
        description="`grid` where each cell was searched, `adaptive` where encodes were made where "
        "they could change the hull.",
    )
    strategy: Text | None = Field(
        default=None, description="How the probes were chosen: `interpolate` or `bisect`."
    )
    new_probes: int | None = Field(
        default=None,
        description="Encodes made by the run that measured; the other probes were known.",
    )
    sample: SampledClip | None = Field(
        default=None,
        description="Parts that stood for the source; null where it was measured as a whole from "
        "the start.",
    )
    chunk_frames: int | None = Field(
        default=None,
        description="Frames of the chunks that each encode is made of, the last one's excepted; "
        "null for encodes of the whole source.",
    )
    filter: Text = Field(
        default="",
        description="ffmpeg filters before the source, as for -vf: encodes are made of what leaves "
        "them, and compared with that; empty for none.",
    )
    comparison: Comparison | None = Field(
        default=None,
        description="What renditions and source were brought to before they were compared; of "
        "sizes that differ, the largest.",
    )
    selection: Selection | None = Field(default=None, description="How the rungs were chosen.")
    notes: list[Text] = Field(
        default_factory=list, description="Sentences about what an engineer may want to change."
    )


def ladder_document(result: LadderResult) -> LadderDocument:
    """Write a result of `ladder` as its document."""
    return LadderDocument(
        schema_version=1,
        src=path_text(result.source.path),
        encoder=result.encoder,
        target_vmafs=list(result.targets),
        resolutions=[str(resolution) for resolution in result.resolutions],
        tool_version=__version__,
        wall_time_ms=milliseconds(result.wall_time_s),
        cloud=[_cloud_point(cell) for cell in result.cells],
        hull=_hull(result),
        renditions=[_rendition(rung, result.source) for rung in result.rungs],
        probes=[_probe(point) for point in result.points],
        source=_source(result.source),
        selection=Selection(**dataclasses.asdict(result.choice)),
        notes=list(result.notes),
        **_circumstances(result),
    )


def _circumstances(result: LadderResult) -> dict[str, Any]:
    return {
        "display": _text_or_none(result.display),
        "score_at": _text_or_none(result.score_at),
        "model": result.model,
        "pool": _text_or_none(result.pool),
        "subsample": result.subsample,
        "backend": result.backend,
        "backend_version": result.backend_version,
        "ffmpeg_bin": None if result.ffmpeg is None else path_text(result.ffmpeg),
        "ffmpeg_version": result.ffmpeg_version,
        "hdr": result.is_hdr,
        "gop_frames": result.gop_frames,
        "segment_duration": _text_or_none(result.segment_s),
        "sampling": _text_or_none(result.sampling),
        "strategy": _text_or_none(result.strategy),
        "new_probes": result.new_probes,
        "sample": sampled_clip(result.sample),
        "chunk_frames": result.chunk_frames,
        "filter": result.source.filters,
        "comparison": comparison_fields(result.comparison),
    }


def _cloud_point(cell: LadderCell) -> CloudPoint:
    return CloudPoint(
        **_size(cell.resolution),
        bitrate_kbps=cell.bitrate_kbps if cell.ok else None,
        vmaf=cell.vmaf if cell.ok else None,
        crf=cell.quality if cell.ok and cell.quality is not None else _NO_QUALITY,
        target_vmaf=cell.target,
        ok=cell.ok,
        error=cell.error,
        error_kind=cell.error_kind,
        note=cell.note,
    )


def _hull(result: LadderResult) -> list[HullPoint]:
    targets: dict[tuple[Resolution, float | None], float] = {}
    for cell in result.cells:
        if cell.ok:
            answer = (cell.resolution, cell.quality)
            targets[answer] = max(cell.target, targets.get(answer, cell.target))
    return [
        HullPoint(**_encode(point), target_vmaf=targets.get((point.resolution, point.quality)))
        for point in result.hull
    ]


def _rendition(rung: LadderRung, source: LadderTitle) -> Rendition:
    return Rendition(
        **_measured(rung.point),
        name=rung.name,
        target_vmaf=rung.target,
        frame_rate=None if source.frame_rate is None else float(source.frame_rate),
    )


def _probe(point: LadderPoint) -> ProbePart:
    return ProbePart(
        **_measured(point),
        encode_time_ms=milliseconds(point.encode_time_s),
        score_time_ms=milliseconds(point.score_time_s),
    )


def _measured(point: LadderPoint) -> dict[str, Any]:
    pooled = point.pooled
    return _encode(point) | {
        "peak_bitrate_kbps": point.peak_bitrate_kbps,
        "codecs": point.codecs,
        "vmaf_pooled": None if pooled is None else Pooled(**dataclasses.asdict(pooled)),
        "size_bytes": point.size_bytes,
        "encoder_version": point.encoder_version,
        "encode_command": command_line(point.command) if point.command else None,
        "chunk_commands": [command_line(command) for command in point.chunk_commands],
    }


def _encode(point: LadderPoint) -> dict[str, Any]:
    return _size(point.resolution) | {
        "bitrate_kbps": point.bitrate_kbps,
        "vmaf": point.vmaf,
        "crf": point.quality,
    }


def _source(title: LadderTitle) -> SourcePart:
    return SourcePart(
        **_size(title.resolution) if title.resolution else {},
        frame_rate=_text_or_none(title.frame_rate),
        n_frames=title.n_frames,
        pix_fmt=title.pix_fmt,
        color_transfer=title.color_transfer,
        notes=list(title.notes),
        damage=damage_part(title.damage),
        bitrate_kbps=title.bitrate_kbps,
    )


def _size(resolution: Resolution) -> dict[str, Any]:
    return {"width": resolution.width, "height": resolution.height}


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)
