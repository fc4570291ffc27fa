"""The JSON document of `score`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from typing_extensions import TypedDict

from vmafx_tune._version import __version__
from vmafx_tune.reports.documents.fields import (
    Comparison,
    Damage,
    Document,
    Number,
    Pooled,
    Text,
    comparison_fields,
    damage_part,
    milliseconds,
    path_text,
    rounded,
)

if TYPE_CHECKING:
    from vmafx_tune.model import ScoreSet
    from vmafx_tune.results import ScoreResult

__all__ = ["Frame", "ScoreDocument", "score_document"]


class Frame(TypedDict):
    """One scored frame."""

    # A plain dictionary, not a model: an hour of video has ninety thousand of them.
    frame: Annotated[int, Field(description="Number of the pair, from 0.")]
    vmaf: Annotated[float | None, Field(description="VMAF points.")]
    features: Annotated[
        dict[str, float | None], Field(description="Elementary features by libvmaf's log name.")
    ]


class ScoreDocument(Document):
    """How close a distorted clip is to its reference, in VMAF."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    reference: Text = Field(description="The reference, as it was named.")
    distorted: Text = Field(description="The distorted clip, as it was named.")
    model: Text = Field(description="Name of the VMAF model.")
    backend: str = Field(description="What computed the scores: ffmpeg, libvmaf or vmaf.")
    pool: str = Field(description="How `score` is pooled over time.")
    score: Number = Field(description="Pooled score in VMAF points.")
    pooled: Pooled = Field(description="Every pooling of the same frame scores.")
    features: dict[str, Number] = Field(description="Mean of each elementary feature.")
    n_frames: int = Field(description="Frame pairs compared.")
    tool_version: str = Field(description="Version of vmafx-tune.")
    backend_version: str = Field(description="libvmaf's version; empty where it is not told.")
    display: str = Field(description="Size that both clips were brought to, as WxH.")
    comparison: Comparison | None = Field(
        description="What both clips were brought to before they were compared."
    )
    subsample: int = Field(description="Every n-th frame was scored.")
    hdr: bool = Field(
        description="The reference is PQ or HLG, for which no public VMAF model is validated."
    )
    wall_time_ms: Number = Field(description="Duration of the whole run.")
    notes: list[Text] = Field(
        description="What an engineer should know of the clips, in sentences."
    )
    reference_damage: Damage | None = Field(
        description="Where the reference first does not decode cleanly, with --allow-damage; null "
        "where it does."
    )
    distorted_damage: Damage | None = Field(
        description="Where the distorted clip first does not decode cleanly, with "
        "--allow-damage; null where it does."
    )
    offset: int = Field(
        description="Number of the reference's frame that the distorted's first one was compared "
        "with; negative where frames of the distorted were skipped."
    )
    filter: Text = Field(
        description="ffmpeg filters before the reference, as for -vf; empty for none."
    )
    frames: list[Frame] = Field(
        default_factory=list, description="Per-frame scores; present with --frames only."
    )

    @model_serializer(mode="wrap")
    def _without_absent_frames(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        if not fields["frames"]:
            del fields["frames"]
        return fields


def score_document(result: ScoreResult, *, frames: bool = False) -> ScoreDocument:
    """Write a result of `score` as its document.

    Args:
        result: What to write.
        frames: Whether to include the per-frame scores.
    """
    return ScoreDocument(
        schema_version=1,
        reference=path_text(result.reference.path),
        distorted=path_text(result.distorted.path),
        model=result.model.name,
        backend=result.scores.backend,
        pool=result.pool.value,
        score=result.score,
        pooled=Pooled(**dataclasses.asdict(result.pooled)),
        features=dict(result.feature_means),
        n_frames=result.scores.n_frames,
        tool_version=__version__,
        backend_version=result.scores.backend_version,
        display=str(result.display),
        comparison=comparison_fields(result.comparison),
        subsample=result.scores.subsample,
        hdr=result.hdr,
        wall_time_ms=milliseconds(result.wall_time_s),
        notes=list(result.notes),
        reference_damage=damage_part(result.reference.damage),
        distorted_damage=damage_part(result.distorted.damage),
        offset=result.offset,
        filter=result.reference.filters,
        frames=_frames(result.scores) if frames else [],
    )


def _frames(scores: ScoreSet) -> list[Frame]:
    names = tuple(scores.features)
    columns = zip(*scores.features.values(), strict=True) if names else ((),) * len(scores.frames)
    return [
        {
            "frame": scores.frame_index(position),
            "vmaf": rounded(score),
            "features": dict(zip(names, map(rounded, values), strict=True)),
        }
        for position, (score, values) in enumerate(zip(scores.frames, columns, strict=True))
    ]
