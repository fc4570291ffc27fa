"""Whether two saved results can be held against each other, and what a difference must exceed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from vmafx_tune.errors import IncomparableError
from vmafx_tune.results.compare import CompareResult
from vmafx_tune.results.gate import NoiseFloor
from vmafx_tune.results.ladder import LadderResult
from vmafx_tune.results.score import ScoreResult
from vmafx_tune.results.search import Answer, SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Gated", "check_comparable", "check_measured", "command_of", "noise_between"]

Gated: TypeAlias = ScoreResult | SearchResult | CompareResult | LadderResult
"""The results that can be checked; what `encode` returns is a search's, and a file."""

# The same build repeats itself to the last printed decimal.
_ONE_BUILD = NoiseFloor(pooled=0.0001, frame=0.0001)
# libvmaf 2.3.1 and 3.2 differ by up to 0.009 on a frame, and by 2e-5 pooled.
_OTHER_BUILD = NoiseFloor(pooled=0.01, frame=0.02)


def check_comparable(baseline: Gated, current: Gated) -> None:
    """Refuse results of which a difference would say nothing.

    Folders may differ, as they do between machines; so may the names of encodes that are scored.

    Raises:
        IncomparableError: They are of different commands, sources, encoders or targets, or were
            measured in different ways.
    """
    now = dict(_facts(current))
    for what, before in _facts(baseline):
        if before != now[what]:
            raise IncomparableError(
                f"The two results cannot be compared: the {what} is {_shown(before)} in the "
                f"baseline and {_shown(now[what])} now. Make a new baseline."
            )


def check_measured(*results: Gated | None) -> None:
    """Refuse results with estimates: they may be off by more than what a gate looks for.

    Raises:
        IncomparableError: An answer was estimated.
    """
    for result in results:
        answers = result.rows if isinstance(result, CompareResult) else (result,)
        if any(isinstance(one, Answer) and one.estimate is not None for one in answers):
            raise IncomparableError(
                "A result of --proof none is an estimate, and may be off by more than a gate looks "
                "for. Make it with --proof full."
            )


def noise_between(baseline: Gated, current: Gated) -> NoiseFloor:
    """Find which differences in VMAF two results may have for no reason but the scorer's build."""
    builds = {(result.backend, result.backend_version) for result in (baseline, current)}
    return _ONE_BUILD if len(builds) == 1 else _OTHER_BUILD


def command_of(current: Gated, baseline: Gated | None) -> str:
    """Name the command of results that can be compared: of a search and an encode, a search."""
    alike = baseline is None or baseline.command == current.command
    return current.command if alike else "search"


def _facts(result: Gated) -> Iterator[tuple[str, object]]:
    # What an encode found is a search's answer.
    yield "command", "search" if isinstance(result, SearchResult) else result.command
    yield "source", _name(result.reference if isinstance(result, ScoreResult) else result.src)
    match result:
        case ScoreResult():
            yield "number of frames", result.n_frames
        case SearchResult():
            yield "encoder", result.codec
            yield "target", result.target_vmaf
        case LadderResult():
            yield "encoder", result.encoder
            yield "number of frames", result.source.n_frames
    yield "model", result.model
    yield "pooling", result.pool
    yield "display size", result.display
    yield "subsampling", result.subsample
    yield "filter", result.filter


def _name(path: Path) -> str:
    return str(path).replace("\\", "/").rpartition("/")[2]


def _shown(value: object) -> str:
    return "not stated" if value in (None, "") else f"{value}"
