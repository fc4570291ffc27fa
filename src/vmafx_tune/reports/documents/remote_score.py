"""The JSON document of `score --server`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vmafx_tune._version import __version__
from vmafx_tune.reports.documents.fields import Document, Number, Pooled, Text, milliseconds

if TYPE_CHECKING:
    from vmafx_tune.results import RemoteScoreResult

__all__ = ["RemoteScoreDocument", "remote_score_document"]


class RemoteScoreDocument(Document):
    """What a scoring server tells of two clips: the fields of `score` that it knows."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    reference: Text = Field(description="The reference, by its name on the server.")
    distorted: Text = Field(description="The distorted clip, by its name on the server.")
    model: Text = Field(
        description="Name of the VMAF model; from an earlier server the one asked for, empty for "
        "the default."
    )
    backend: Literal["server"] = Field(description="What computed the scores.")
    pool: str = Field(description="How `score` is pooled over time.")
    score: Number = Field(description="Pooled score in VMAF points.")
    features: dict[str, Number] = Field(description="Mean of each elementary feature.")
    tool_version: str = Field(description="Version of vmafx-tune that asked.")
    server: Text = Field(description="Address of the server.")
    request_id: Text = Field(description="What the server's log calls the request.")
    wall_time_ms: Number = Field(description="Duration of the whole run.")
    model_version: Text = Field(
        description="Version of the model; of a custom one, the SHA-256 of its file."
    )
    server_backend: Text = Field(
        description="What the server computed them with: ffmpeg, libvmaf or vmaf."
    )
    backend_version: Text = Field(description="libvmaf's version; empty where it is not told.")
    n_frames: int | None = Field(description="Frame pairs compared; null where it is not told.")
    subsample: int = Field(description="Every n-th frame was scored.")
    pooled: Pooled | None = Field(
        description="Every pooling of the same frame scores; null where they are not told."
    )


def remote_score_document(result: RemoteScoreResult) -> RemoteScoreDocument:
    """Write a result of `score --server` as its document."""
    return RemoteScoreDocument(
        schema_version=1,
        reference=result.reference,
        distorted=result.distorted,
        model=result.model,
        backend="server",
        pool=result.pool,
        score=result.score,
        features=dict(result.features),
        tool_version=__version__,
        server=result.server,
        request_id=result.request_id,
        wall_time_ms=milliseconds(result.wall_time_s),
        model_version=result.model_version,
        server_backend=result.backend,
        backend_version=result.backend_version,
        n_frames=result.n_frames or None,
        subsample=result.subsample,
        pooled=Pooled(**result.pooled) if result.pooled else None,
    )
