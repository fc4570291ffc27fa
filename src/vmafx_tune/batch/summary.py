"""What a batch says of a source, from the result of its command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmafx_tune.formatting import given, listed, vmaf
from vmafx_tune.results.batch import BatchFile
from vmafx_tune.results.encode import EncodeResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmafx_tune.batch.jobs import BatchJob
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.score import ScoreResult
    from vmafx_tune.results.search import Answer, SearchResult

__all__ = ["failed_file", "found_file"]


def failed_file(job: BatchJob, error: str) -> BatchFile:
    """Sum up a source that has no result.

    Args:
        job: The source.
        error: Why, as a sentence.
    """
    return BatchFile(name=job.name, src=job.source, state="failed", error=error)


def found_file(job: BatchJob, result: Any, options: Mapping[str, Any]) -> BatchFile:
    """Sum up what a command returned.

    Args:
        job: The source.
        result: Of the command.
        options: The command's arguments, by name.
    """
    return BatchFile(
        name=job.name,
        src=job.source,
        wall_time_ms=result.wall_time_ms or 0.0,
        **_SUMMARIES[result.command](result, options),
    )


def _search(result: SearchResult, _: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "state": result.state,
        "error": result.error,
        "new_probes": result.new_probes,
        **_answer(result),
    }
    if isinstance(result, EncodeResult) and result.output is not None:
        output = result.output
        found |= {"size_bytes": output.size_bytes, "size_percent": output.size_percent}
        if (shots := result.per_shot) is not None and shots.delivered:
            found |= {"best_crf": None, "bitrate_kbps": shots.bitrate_kbps}
            found |= {"vmaf_score": shots.vmaf_score}
    return found


def _answer(answer: Answer) -> dict[str, Any]:
    if answer.vmaf_score is None:
        return {"codec": answer.codec, "target_vmaf": answer.target_vmaf}
    names = ("codec", "target_vmaf", "best_crf", "bitrate_kbps", "vmaf_score")
    found = {name: getattr(answer, name) for name in names}
    return found | {"estimated": answer.estimate is not None}


def _score(result: ScoreResult, options: Mapping[str, Any]) -> dict[str, Any]:
    least = options.get("min_score")
    if least is None or result.score >= least:
        return {"state": "done", "vmaf_score": result.score}
    found = vmaf(result.score, 4, target=least)
    error = f"VMAF {found} is below {given(least)}."
    return {"state": "missed", "error": error, "vmaf_score": result.score}


def _compare(result: CompareResult, _: Mapping[str, Any]) -> dict[str, Any]:
    errors = [
        f"{row.codec} at {given(row.target_vmaf)}: {row.error}" for row in result.rows if row.error
    ]
    return {
        "state": result.state,
        "error": None if result.state == "done" or not errors else errors[0],
        "new_probes": result.new_probes,
        **_answer(result.rows[0]),
    }


def _ladder(result: LadderResult, _: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "state": result.state,
        "codec": result.encoder,
        "rungs": len(result.renditions),
        "new_probes": result.new_probes or 0,
    }
    if result.renditions:
        top = result.renditions[-1]
        answer = {"best_crf": top.crf, "bitrate_kbps": top.bitrate_kbps, "vmaf_score": top.vmaf}
        return found | answer
    errors = dict.fromkeys(cell.error for cell in result.cloud if cell.error)
    return found | {"error": next(iter(errors), f"No rung reaches {listed(_targets(result))}.")}


def _targets(result: LadderResult) -> list[str]:
    return [given(target) for target in result.target_vmafs]


_SUMMARIES: Mapping[str, Callable[[Any, Mapping[str, Any]], dict[str, Any]]] = {
    "search": _search,
    "encode": _search,
    "score": _score,
    "compare": _compare,
    "ladder": _ladder,
}
