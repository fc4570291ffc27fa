"""What each command returns: frozen results that reports render and API users read."""

from __future__ import annotations

from typing import TypeAlias

from vmafx_tune.results.cache import CacheAction, CacheEntry, CacheResult
from vmafx_tune.results.compare import BdRate, CompareResult, CompareRow
from vmafx_tune.results.ladder import (
    LadderCell,
    LadderPoint,
    LadderResult,
    LadderRung,
    LadderTitle,
    RungChoice,
    Sampling,
    ScoreAt,
    Spacing,
)
from vmafx_tune.results.machine import DoctorCheck, DoctorResult, EncodersResult, EncoderStatus
from vmafx_tune.results.sample import Sample, SampledPart, SampleEstimate
from vmafx_tune.results.score import PooledScores, RemoteScoreResult, ScoreResult
from vmafx_tune.results.search import SearchLimit, SearchResult, SearchStrategy

__all__ = [
    "BdRate",
    "CacheAction",
    "CacheEntry",
    "CacheResult",
    "CompareResult",
    "CompareRow",
    "DoctorCheck",
    "DoctorResult",
    "EncoderStatus",
    "EncodersResult",
    "LadderCell",
    "LadderPoint",
    "LadderResult",
    "LadderRung",
    "LadderTitle",
    "PooledScores",
    "RemoteScoreResult",
    "Result",
    "RungChoice",
    "Sample",
    "SampleEstimate",
    "SampledPart",
    "Sampling",
    "ScoreAt",
    "ScoreResult",
    "SearchLimit",
    "SearchResult",
    "SearchStrategy",
    "Spacing",
]

Result: TypeAlias = (
    ScoreResult
    | RemoteScoreResult
    | SearchResult
    | CompareResult
    | LadderResult
    | EncodersResult
    | DoctorResult
    | CacheResult
)
"""What any command returns."""
