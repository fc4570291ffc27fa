"""Results to hold against each other, made as if they were measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.unit.reports import factories, ladder_factories
from vmafx_tune.reports.render import render
from vmafx_tune.reports.saved_result import read_result
from vmafx_tune.results.search import ProbeSummary

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from vmafx_tune.gate.comparable import Gated
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.score import ScoreResult
    from vmafx_tune.results.search import SearchResult

__all__ = ["answer", "comparison", "document", "jittered", "ladder", "saved", "score"]

SLOPE = 0.055
"""How much log(bitrate) rises with a VMAF point."""


def document(result: Gated) -> dict[str, Any]:
    """The JSON of a result; of a score that was made here, with its frames."""
    measured = getattr(result, "scores", None) is not None
    parsed: dict[str, Any] = json.loads(render(result, "json", frames=measured))
    return parsed


def saved(result: Gated | dict[str, Any]) -> Any:
    """The result as it is read back from its file."""
    return read_result(json.dumps(result if isinstance(result, dict) else document(result)))


@cache
def _measured(make: Callable[[], Gated]) -> Any:
    return saved(make())


def score(**changes: Any) -> ScoreResult:
    read: ScoreResult = _measured(factories.score_result)
    return replace(read, **changes)


def answer(
    *, kbps: float = 1000.0, vmaf: float = 93.4, target: float = 93.0, **changes: Any
) -> SearchResult:
    """A search whose next worse setting is a point below its answer."""
    read: SearchResult = _measured(factories.search_result)
    worse = ProbeSummary(
        crf=read.best_crf + 1,
        bitrate_kbps=kbps * math.exp(-SLOPE),
        vmaf_score=vmaf - 1,
        encode_time_ms=1.0,
        score_time_ms=1.0,
        size_bytes=1,
    )
    fields: dict[str, Any] = {
        "target_vmaf": target,
        "next_worse": worse,
        "ok": True,
        "proven": True,
    } | changes
    return replace(read, bitrate_kbps=kbps, vmaf_score=vmaf, **fields)


def comparison(**changes: Any) -> CompareResult:
    read: CompareResult = _measured(factories.full_compare_result)
    return replace(read, **changes)


def ladder(*, more_bits: float = 0.0, **changes: Any) -> LadderResult:
    """A ladder whose hull needs so many per cent more bits."""
    read: LadderResult = _measured(ladder_factories.ladder_result)
    hull = tuple(
        replace(point, bitrate_kbps=point.bitrate_kbps * (1 + more_bits / 100))
        for point in read.hull
    )
    return replace(read, hull=hull, **changes)


def jittered(document: Any, amount: float, source: random.Random) -> Any:
    """The same document with all its scores off by up to `amount`, as another build's are."""
    if isinstance(document, dict):
        return {
            name: value + source.uniform(-amount, amount)
            if name in ("score", "vmaf", "vmaf_score") and isinstance(value, float)
            else jittered(value, amount, source)
            for name, value in document.items()
        }
    if isinstance(document, list):
        return [jittered(item, amount, source) for item in document]
    return document
