"""The JSON document of `score --server`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vmafx_tune._version import __version__
from vmafx_tune.reports.documents.fields import Document, Number, Text, milliseconds

if TYPE_CHECKING:
    from vmafx_tune.results import RemoteScoreResult

__all__ = ["RemoteScoreDocument", "remote_score_document"]


class RemoteScoreDocument(Document):
    """What a scoring server tells of two clips: the fields of `score` that it knows."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    reference: Text = Field(description="The reference, by its name on the server.")
    distorted: Text = Field(description="The distorted clip, by its name on the server.")
    model: Text = Field(description="Name of the VMAF model asked for; empty for the default.")
    backend: Literal["server"] = Field(description="What computed the scores.")
    pool: Literal["mean"] = Field(description="How `score` is pooled over time.")
    score: Number = Field(description="Pooled score in VMAF points.")
    features: dict[str, Number] = Field(description="Mean of each elementary feature.")
    tool_version: str = Field(description="Version of vmafx-tune that asked.")
    server: Text = Field(description="Address of the server.")
    request_id: Text = Field(description="What the server's log calls the request.")
    wall_time_ms: Number = Field(description="Duration of the whole run.")


def remote_score_document(result: RemoteScoreResult) -> RemoteScoreDocument:
    """Write a result of `score --server` as its document."""
    return RemoteScoreDocument(
        schema_version=1,
        reference=result.reference,
        distorted=result.distorted,
        model=result.model,
        backend="server",
        pool="mean",
        score=result.score,
        features=dict(result.feature_means),
        tool_version=__version__,
        server=result.server,
        request_id=result.request_id,
        wall_time_ms=milliseconds(result.wall_time_s),
    )
