"""The JSON document of `search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

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
from vmafx_tune.reports.facts import backend_of, encoder_version_of, missed

if TYPE_CHECKING:
    from vmafx_tune.results.search import SearchResult

__all__ = ["SearchDocument", "search_document"]


class SearchDocument(Document):
    """The worst-quality setting of one encoder that still reaches one target."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    src: Text = Field(description="The source, as it was named.")
    codec: str = Field(description="ffmpeg's encoder name.")
    target_vmaf: float = Field(description="Pooled score to reach; a tie passes.")
    model: Text = Field(description="Name of the VMAF model.")
    pool: str = Field(description="How frame scores are pooled.")
    best_crf: Quality = Field(
        description="The answer. Where `ok` is false, the setting with the highest score, or -1 "
        "where nothing was measured."
    )
    bitrate_kbps: Number = Field(description="Average video bitrate at `best_crf`.")
    vmaf_score: Number = Field(
        description="Pooled score at `best_crf`; below `target_vmaf` where `ok` is false."
    )
    converged: bool = Field(description="The search ended by itself, not by --max-iter.")
    proven: bool = Field(
        description="The answer was measured on every frame and reaches the target, and the next "
        "worse setting was measured and misses it or does not exist."
    )
    encode_command: Text | None = Field(
        description="Shell command that reproduces the encode at `best_crf`; after "
        "`chunk_commands`, which it joins, where those are not empty."
    )
    bisect_samples: list[Sample] = Field(description="All probes, best quality first.")
    ok: bool = Field(description="The target is reached.")
    error: Text | None = Field(description="Why it is not, as a sentence.")
    tool_version: str = Field(description="Version of vmafx-tune.")
    wall_time_ms: Number = Field(description="Duration of the whole search.")
    encoder_version: Text = Field(description="From the encoder's banner or bitstream.")
    encode_time_ms: Number = Field(description="Wall time of the encode at `best_crf`.")
    size_bytes: int | None = Field(description="Sum of the video packets' sizes at `best_crf`.")
    vmaf_pooled: Pooled | None = Field(description="Every pooling of the scores at `best_crf`.")
    next_worse: Sample | None = Field(
        description="The probe one step worse, which misses the target; null where there is none."
    )
    limit: Limit | None = Field(description="What stood in the way of a proven answer.")
    non_monotone: list[NonMonotone] = Field(description="Probes that contradict each other.")
    new_probes: int = Field(
        description="Encodes made by this search, stopped ones included; what the other settings "
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
    backend: str | None = Field(description="What computed the scores.")
    backend_version: str | None = Field(description="libvmaf's version.")
    display: str = Field(description="Size at which the encodes were scored, as WxH.")
    comparison: Comparison | None = Field(
        description="What both were brought to before they were compared; null where nothing was "
        "scored."
    )
    subsample: int = Field(description="Every n-th frame was scored.")
    strategy: str = Field(description="How the probes were chosen: `interpolate` or `bisect`.")
    max_bitrate_kbps: Number = Field(
        description="Bitrate that an answer may have at most; null for no limit."
    )
    damage: Damage | None = Field(
        description="Where the source first does not decode cleanly, with --allow-damage; null "
        "where it does."
    )
    hdr: bool = Field(
        description="The source is PQ or HLG, for which no public VMAF model is validated."
    )
    filter: Text = Field(
        description="ffmpeg filters before the source, as for -vf: encodes are made of what leaves "
        "them, and compared with that; empty for none."
    )


def search_document(result: SearchResult) -> SearchDocument:
    """Write a result of `search` as its document."""
    backend = backend_of(result)
    return SearchDocument(
        schema_version=1,
        src=path_text(result.source.path),
        codec=result.encoder,
        target_vmaf=result.target,
        model=result.model.name,
        pool=result.pool.value,
        vmaf_score=result.vmaf,
        ok=result.ok,
        error=None if result.ok else missed(result),
        tool_version=__version__,
        wall_time_ms=milliseconds(result.wall_time_s),
        encoder_version=encoder_version_of(result),
        backend=None if backend is None else backend.name,
        backend_version=None if backend is None else backend.version,
        display=str(result.display),
        comparison=comparison_fields(result.comparison),
        subsample=result.subsample,
        strategy=result.strategy.value,
        max_bitrate_kbps=result.max_bitrate_kbps,
        damage=damage_part(result.source.damage),
        hdr=result.source.is_hdr,
        filter=result.source.filters,
        **answer_fields(result.answer),
        **search_fields(result),
    )
