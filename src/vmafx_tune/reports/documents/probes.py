"""Probes and proofs in JSON: the parts that `search` and `compare` share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pydantic import Field

from vmafx_tune.reports.documents.fields import (
    Document,
    Number,
    Pooled,
    Quality,
    Text,
    milliseconds,
)
from vmafx_tune.reports.documents.sample import SampledClip, sampled_clip
from vmafx_tune.reports.facts import next_worse_point, samples_of
from vmafx_tune.reports.text import command_line
from vmafx_tune.scoring.pooling import summarize

if TYPE_CHECKING:
    from vmafx_tune.model import Probe
    from vmafx_tune.results.search import SearchResult

__all__ = ["Limit", "NonMonotone", "Sample", "SampledClip", "answer_fields", "search_fields"]

_NO_QUALITY = -1


class Sample(Document):
    """One probe: a trial encode with its score."""

    crf: Quality = Field(description="Value of the encoder's quality knob.")
    bitrate_kbps: Number = Field(description="Video packets' bits over frames / frame rate.")
    vmaf_score: Number = Field(description="Pooled score in VMAF points.")
    encode_time_ms: Number = Field(description="Wall time of the encode.")
    score_time_ms: Number = Field(description="Wall time of decoding and scoring.")
    size_bytes: int = Field(description="Sum of the video packets' sizes.")


class Limit(Document):
    """Why a search has no proven answer."""

    kind: str = Field(
        description="knob_range, clip_ceiling, encoder_args, size, max_bitrate, max_iter, sample, "
        "subsample or failed."
    )
    message: Text = Field(description="The same as a sentence.")


class NonMonotone(Document):
    """Two probes where the worse setting scored higher."""

    better_crf: Quality = Field(description="The setting that should have scored higher.")
    worse_crf: Quality = Field(description="The setting that did.")


def answer_fields(answer: Probe | None) -> dict[str, Any]:
    """Write the fields about an answer; without one, -1 and nulls."""
    if answer is None:
        names = ("bitrate_kbps", "encode_time_ms", "encode_command", "size_bytes", "vmaf_pooled")
        return {"best_crf": _NO_QUALITY, **dict.fromkeys(names), "chunk_commands": []}
    return {
        "best_crf": answer.quality,
        "bitrate_kbps": answer.bitrate_kbps,
        "encode_time_ms": milliseconds(answer.encode_time_s),
        "encode_command": command_line(answer.command) if answer.command else None,
        "chunk_commands": [command_line(command) for command in answer.chunk_commands],
        "size_bytes": answer.size_bytes,
        "vmaf_pooled": Pooled(**dataclasses.asdict(summarize(answer.scores.frames))),
    }


def search_fields(search: SearchResult | None) -> dict[str, Any]:
    """Write the fields about how a search went; without one, as if nothing had been done."""
    if search is None:
        return {
            "bisect_samples": [],
            "converged": False,
            "proven": False,
            "next_worse": None,
            "limit": None,
            "non_monotone": [],
            "new_probes": 0,
            "too_large": [],
            "sample": None,
            "chunk_frames": None,
            "notes": [],
        }
    return {
        "bisect_samples": [_sample(probe, score) for probe, score in samples_of(search)],
        "converged": search.converged,
        "proven": search.proven,
        "next_worse": _next_worse(search),
        "limit": _limit(search),
        "non_monotone": [
            NonMonotone(better_crf=better, worse_crf=worse) for better, worse in search.non_monotone
        ],
        "new_probes": search.new_probes,
        "too_large": list(search.too_large),
        "sample": sampled_clip(search.sample),
        "chunk_frames": search.chunk_frames,
        "notes": list(search.notes),
    }


def _next_worse(search: SearchResult) -> Sample | None:
    point = next_worse_point(search)
    return None if point is None else _sample(*point)


def _limit(search: SearchResult) -> Limit | None:
    limit = search.limit
    return None if limit is None else Limit(kind=limit.kind, message=limit.message)


def _sample(probe: Probe, score: float) -> Sample:
    return Sample(
        crf=probe.quality,
        bitrate_kbps=probe.bitrate_kbps,
        vmaf_score=score,
        encode_time_ms=milliseconds(probe.encode_time_s),
        score_time_ms=milliseconds(probe.score_time_s),
        size_bytes=probe.size_bytes,
    )
