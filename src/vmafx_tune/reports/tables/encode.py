"""`encode` for the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.formatting import counted
from vmafx_tune.reports import facts
from vmafx_tune.reports.tables import facts_grid, plain
from vmafx_tune.reports.tables.search import searched, took

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.encode import EncodeResult, Output

__all__ = ["encode_parts"]


def encode_parts(result: EncodeResult) -> Iterator[Part]:
    """Lay out an encode: what was searched, every probe, notes; and last what was delivered."""
    yield from searched(result, with_time=False)
    yield ""
    if not result.ok:
        yield plain(result.error or "", "red")
    if result.output is None:
        yield plain("Nothing was written.", "red")
        return
    yield Text.assemble((str(result.output.path), "bold green"), " is written and verified")
    yield _summary(result, result.output)


def _summary(result: EncodeResult, output: Output) -> RenderableType:
    size = formatting.file_size(output.size_bytes)
    return facts_grid(
        [
            ("Size", f"{size}, {_change(output.size_percent)}"),
            ("Video", _video(result)),
            ("VMAF", _quality(result)),
            ("Proof", _proof(result)),
            ("Streams", _streams(output)),
            ("Took", took(result)),
        ]
    )


def _change(percent: float) -> str:
    change = percent - 100
    return f"{abs(change):.0f} % {'more' if change > 0 else 'less'} than the source"


def _video(result: EncodeResult) -> str:
    name = f"{result.codec} {facts.knob(result.codec)} {formatting.quality(result.best_crf)}"
    return f"{name}, {formatting.bitrate(result.bitrate_kbps)} kb/s"


def _quality(result: EncodeResult) -> str:
    pooled, target = result.vmaf_pooled, result.target_vmaf
    found = f"{formatting.vmaf(result.vmaf_score, target=target)} for {formatting.given(target)}"
    if pooled is None:
        return found
    told = [f"{found} ({result.pool.value})", f"p5 {formatting.vmaf(pooled.p5)}"]
    worst = result.worst_second
    if worst is not None:
        told.append(f"worst second {formatting.vmaf(worst.vmaf_score)} at {worst.time_code}")
    return ", ".join(told)


def _proof(result: EncodeResult) -> str:
    proof = facts.proof(result)
    worse = result.next_worse
    return proof if worse is None else f"{facts.knob(result.codec)} {proof} misses"


def _streams(output: Output) -> str:
    kinds = Counter(stream.type for stream in output.streams)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    left = f"; {counted(len(output.dropped), 'stream')} left out" if output.dropped else ""
    return f"{told}{left}"
