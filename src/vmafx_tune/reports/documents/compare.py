"""The two JSON documents of `compare`: for one target, and for several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from vmafx_tune._version import __version__
from vmafx_tune.reports.documents.fields import (
    Comparison,
    Damage,
    Document,
    Number,
    Pooled,
    Quality,
    Text,
    comparison_fields,
    damage_part,
    milliseconds,
    path_text,
)
from vmafx_tune.reports.documents.probes import (
    Limit,
    NonMonotone,
    Sample,
    SampledClip,
    answer_fields,
    search_fields,
)
from vmafx_tune.reports.facts import encoder_version_of
from vmafx_tune.reports.ranking import ranked_rows

if TYPE_CHECKING:
    from vmafx_tune.reports.ranking import RankedRow
    from vmafx_tune.results.compare import BdRate, CompareResult

__all__ = [
    "BdRatePart",
    "CompareDocument",
    "CompareTargetsDocument",
    "Overlap",
    "Points",
    "Row",
    "compare_document",
    "compare_rows",
]


class Row(Document):
    """One encoder at one target."""

    codec: str = Field(description="ffmpeg's encoder name.")
    adapter: str = Field(description="Name of the registry row that drives the encoder.")
    runtime_variant: str = Field(description='Variant of that row; always "default".')
    ffmpeg_bin: Text = Field(description="Path of the ffmpeg used.")
    encoder_version: Text = Field(
        description="From the encoder's banner or bitstream; empty where nothing was encoded."
    )
    best_crf: Quality = Field(
        description="The worst-quality setting that reaches the target; -1 for a failed row."
    )
    bitrate_kbps: Number = Field(description="Average video bitrate at `best_crf`.")
    encode_time_ms: Number = Field(description="Wall time of the encode at `best_crf`.")
    vmaf_score: Number = Field(description="Pooled score at `best_crf`.")
    target_vmaf: float = Field(description="Pooled score to reach; a tie passes.")
    ok: bool = Field(description="The row has its answer.")
    error: Text | None = Field(description="Why it has none, as a sentence.")
    bisect_samples: list[Sample] = Field(
        description="The encoder's probes so far, best quality first; kept in failed rows too."
    )
    rank: int | None = Field(description="Place by bitrate among its target's ok rows, from 1.")
    error_kind: str | None = Field(
        description="unreachable where only the target is out of reach, else failed."
    )
    encode_command: Text | None = Field(
        description="Shell command that reproduces the encode at `best_crf`; after "
        "`chunk_commands`, which it joins, where those are not empty."
    )
    size_bytes: int | None = Field(description="Sum of the video packets' sizes at `best_crf`.")
    vmaf_pooled: Pooled | None = Field(description="Every pooling of the scores at `best_crf`.")
    converged: bool = Field(description="The search ended by itself, not by --max-iter.")
    proven: bool = Field(
        description="The answer was measured on every frame, and the next worse setting was "
        "measured and misses the target or does not exist."
    )
    next_worse: Sample | None = Field(
        description="The probe one step worse, which misses the target; null where there is none."
    )
    limit: Limit | None = Field(description="What stood in the way of a proven answer.")
    non_monotone: list[NonMonotone] = Field(description="Probes that contradict each other.")
    new_probes: int = Field(
        description="Encodes made by this row, stopped ones included; what the other settings "
        "gave was known."
    )
    too_large: list[Quality] = Field(
        description="Settings whose encodes are above `max_bitrate_kbps`, best quality first. They "
        "were stopped as soon as that was certain, and have no sample."
    )
    sample: SampledClip | None = Field(
        description="Parts that stood for the source; null where it was measured as a whole from "
        "the start."
    )
    chunk_frames: int | None = Field(
        description="Frames of the chunks that each encode is made of, the last one's excepted; "
        "null for encodes of the whole source."
    )
    chunk_commands: list[Text] = Field(
        description="Shell commands that reproduce the chunks of the encode at `best_crf`, in "
        "order; empty for an encode of the whole source."
    )
    notes: list[Text] = Field(
        description="What an engineer should know of the answer and its encoder, in sentences."
    )


class Overlap(Document):
    """Interval of quality that two curves share."""

    lo: Number = Field(description="Lower end in VMAF points.")
    hi: Number = Field(description="Upper end in VMAF points.")


class Points(Document):
    """How many points of each curve were used."""

    codec: int = Field(description="Points of the encoder under test.")
    anchor: int = Field(description="Points of the anchor.")


class BdRatePart(Document):
    """Bjøntegaard delta rate of one encoder against the anchor."""

    codec: str = Field(description="The encoder under test.")
    anchor: str = Field(description="The encoder it is held against.")
    percent: Number = Field(
        description="Bitrate difference at equal quality, of the answers and their next worse "
        "neighbours; negative means fewer bits."
    )
    overlap: Overlap | None = Field(
        description="Interval that both curves were integrated over: the span of the targets that "
        "both reach."
    )
    points: Points = Field(description="Points that the curves were made of.")
    reason: Text | None = Field(description="Why `percent` is null, as a sentence.")


class _OneTarget(Document):
    src: Text = Field(description="The source, as it was named.")
    target_vmaf: float = Field(description="Pooled score to reach; a tie passes.")
    tool_version: str = Field(description="Version of vmafx-tune.")
    wall_time_ms: Number = Field(description="Duration of the whole comparison.")
    rows: list[Row] = Field(description="Ok rows by bitrate, then by codec; failed rows last.")


class _SeveralTargets(Document):
    schema_version: Literal[2] = Field(description="Version of this document's contract.")
    src: Text = Field(description="The source, as it was named.")
    target_vmafs: list[float] = Field(description="Pooled scores to reach, ascending.")
    tool_version: str = Field(description="Version of vmafx-tune.")
    wall_time_ms: Number = Field(description="Duration of the whole comparison.")
    rows: list[Row] = Field(
        description="Grouped by target; within one, ok rows by bitrate, then by codec; failed "
        "rows last."
    )


class _Circumstances(Document):
    codecs: list[str] = Field(description="Encoders compared.")
    model: Text = Field(description="Name of the VMAF model.")
    pool: str = Field(description="How frame scores are pooled.")
    display: str = Field(description="Size at which the encodes were scored, as WxH.")
    comparison: Comparison | None = Field(
        description="What source and encodes were brought to before they were compared, in the "
        "first row that was scored; null where none was."
    )
    subsample: int = Field(description="Every n-th frame was scored.")
    backend: str = Field(description="What computed the scores.")
    backend_version: str = Field(description="libvmaf's version; empty where it is not told.")
    ffmpeg_version: str = Field(description="Version of the ffmpeg used.")
    hdr: bool = Field(
        description="The source is PQ or HLG, for which no public VMAF model is validated."
    )
    strategy: str = Field(description="How the probes were chosen: `interpolate` or `bisect`.")
    new_probes: int = Field(
        description="Encodes made by this run, stopped ones included; the others were known."
    )
    max_bitrate_kbps: Number = Field(
        description="Bitrate that an answer may have at most; null for no limit."
    )
    anchor: str | None = Field(description="Encoder that BD-rates are against.")
    bd_rate: list[BdRatePart] = Field(
        description="One for each encoder but the anchor; empty without an anchor."
    )
    notes: list[Text] = Field(
        description="What an engineer should know of the comparison, in sentences; those about a "
        "row stand in the row."
    )
    damage: Damage | None = Field(
        description="Where the source first does not decode cleanly, with --allow-damage; null "
        "where it does."
    )
    filter: Text = Field(
        description="ffmpeg filters before the source, as for -vf: encodes are made of what leaves "
        "them, and compared with that; empty for none."
    )


# Pydantic orders inherited fields from the last base to the first: the contract's come first.
class CompareDocument(_Circumstances, _OneTarget):
    """Which encoder needs the fewest bits to reach one target on a source."""


class CompareTargetsDocument(_Circumstances, _SeveralTargets):
    """Which encoder needs the fewest bits to reach each of several targets on a source."""


def compare_document(result: CompareResult) -> CompareDocument | CompareTargetsDocument:
    """Write a result of `compare` as the document of its number of targets."""
    if len(result.targets) == 1:
        return CompareDocument(target_vmaf=result.targets[0], **_common(result))
    return CompareTargetsDocument(
        schema_version=2, target_vmafs=list(result.targets), **_common(result)
    )


def compare_rows(result: CompareResult) -> list[Row]:
    """Write the rows of a comparison, in its order."""
    ranked = [row for target in result.targets for row in ranked_rows(result, target)]
    return [_row(result, row) for row in ranked]


def _common(result: CompareResult) -> dict[str, Any]:
    return {
        "src": path_text(result.source.path),
        "tool_version": __version__,
        "wall_time_ms": milliseconds(result.wall_time_s),
        "rows": compare_rows(result),
        "codecs": list(result.encoders),
        "model": result.model.name,
        "pool": result.pool.value,
        "display": str(result.display),
        "comparison": comparison_fields(result.comparison),
        "subsample": result.subsample,
        "backend": result.backend,
        "backend_version": result.backend_version,
        "ffmpeg_version": result.ffmpeg_version,
        "hdr": result.source.is_hdr,
        "strategy": result.strategy.value,
        "new_probes": result.new_probes,
        "max_bitrate_kbps": result.max_bitrate_kbps,
        "anchor": result.anchor,
        "filter": result.source.filters,
        "bd_rate": [_bd_rate(bd) for bd in result.bd_rates],
        "notes": list(result.notes),
        "damage": damage_part(result.source.damage),
    }


def _row(result: CompareResult, ranked: RankedRow) -> Row:
    row, search, answer = ranked.row, ranked.row.search, ranked.answer
    return Row(
        codec=row.encoder,
        adapter=row.encoder,
        runtime_variant="default",
        ffmpeg_bin=path_text(result.ffmpeg),
        encoder_version=encoder_version_of(search),
        vmaf_score=search.vmaf if search and answer else None,
        target_vmaf=row.target,
        ok=row.ok,
        error=row.error,
        rank=ranked.rank,
        error_kind=row.error_kind,
        **answer_fields(answer),
        **search_fields(search),
    )


def _bd_rate(bd: BdRate) -> BdRatePart:
    return BdRatePart(
        codec=bd.encoder,
        anchor=bd.anchor,
        percent=bd.percent,
        overlap=None if bd.overlap is None else Overlap(lo=bd.overlap[0], hi=bd.overlap[1]),
        points=Points(codec=bd.n_points[0], anchor=bd.n_points[1]),
        reason=bd.reason,
    )
