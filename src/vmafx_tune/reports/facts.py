"""What every renderer reads out of a search or a source: proofs, settings, plain sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune import formatting, shell
from vmafx_tune.encoders.registry import all_rows
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from vmafx_tune.model import Comparison, Resolution, Source
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.ladder import LadderResult, MeasuredEncode
    from vmafx_tune.results.measurement import Sample
    from vmafx_tune.results.search import Answer, SearchResult

__all__ = [
    "HDR_NOTE",
    "SIDE_BY_SIDE",
    "Heading",
    "Sheet",
    "bitrate_of",
    "command_line",
    "compared_in",
    "describe_chunks",
    "describe_parts",
    "describe_sample",
    "describe_source",
    "describe_title",
    "encode_commands",
    "encode_times",
    "knob",
    "limit_of",
    "notes",
    "proof",
    "rate_of",
    "scorer",
    "setting",
    "setting_of",
    "stopped",
    "vmaf_of",
]


@frozen
class Heading:
    """One column of a sheet.

    Attributes:
        title: What stands above it.
        number: Whether it holds numbers, which stand at the right.
        rank: How early the column goes where there is no room; 0 for one that stays.
    """

    title: str
    number: bool = True
    rank: int = 0


@frozen
class Sheet:
    """A table as text, whatever it is written in.

    Attributes:
        headings: From left to right.
        rows: One text for each heading.
        styles: Of each row: `best`, `failed`, `stopped` or empty; none at all where rows are alike.
    """

    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[str, ...] = ()

    @property
    def styled_rows(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each row behind its style."""
        return zip(self.styles or [""] * len(self.rows), self.rows, strict=True)

    def columns(self, kept: Iterable[int]) -> Sheet:
        """Return the columns at the positions `kept`."""
        positions = tuple(kept)
        return replace(
            self,
            headings=tuple(self.headings[position] for position in positions),
            rows=tuple(tuple(row[position] for position in positions) for row in self.rows),
        )

    def without_unknown(self, source: Source | None) -> Sheet:
        """Leave out the columns that nothing is known for, unless all is known of the source."""
        if source is not None:
            return self
        return self.columns(
            position
            for position in range(len(self.headings))
            if any(row[position] != formatting.ABSENT for row in self.rows)
        )

    def narrowing(self) -> Iterator[Sheet]:
        """Yield the sheet, then without ever more of the columns that can go."""
        for least in sorted({*(heading.rank for heading in self.headings)}, reverse=True):
            yield self.columns(
                position for position, heading in enumerate(self.headings) if heading.rank <= least
            )


HDR_NOTE = "The source is PQ or HLG, for which no public VMAF model is validated."


def scorer(backend: str, version: str | None) -> str:
    """Name what computed the scores, with the version of the libvmaf behind it."""
    if not version:
        return backend
    library = f"libvmaf {version}"
    return library if backend == "libvmaf" else f"{backend} ({library})"


def compared_in(comparison: Comparison | None) -> str:
    """Say what samples were compared; empty where it is not known."""
    if comparison is None:
        return ""
    stated = {"range": comparison.range, "matrix": comparison.matrix}
    words = (value or f"{name} not stated" for name, value in stated.items())
    return ", ".join([comparison.pix_fmt, *words])


def setting(encoder: str, quality: float) -> str:
    """Write a quality setting, with the knob's name where it is not the usual `crf`."""
    name, value = knob(encoder), formatting.quality(quality)
    return value if name == "crf" else f"{name} {value}"


def knob(encoder: str) -> str:
    """Name an encoder's quality knob, as ffmpeg's option without the dash.

    `crf` for an encoder that is not in the registry: a caller's own prober may use any name.
    """
    names = {row.name: row.knob.name for row in all_rows()}
    return names.get(encoder, "crf")


def limit_of(result: SearchResult | CompareResult) -> str:
    """Say what an answer may cost; empty where there is no limit."""
    limit_kbps = result.max_bitrate_kbps
    return "" if limit_kbps is None else f"at most {formatting.given(limit_kbps)} kb/s"


def stopped(search: SearchResult) -> str:
    """Say why an encode has no score."""
    return f"stopped: over {formatting.given(search.max_bitrate_kbps)} kb/s"


def proof(answer: Answer) -> str:
    """Show in a few words what proves an answer: the next worse setting and its missing score."""
    if answer.estimate is not None:
        return "estimated"
    if not answer.proven:
        return "unproven"
    worse = answer.next_worse
    if worse is None:
        return "end of range"
    if answer.next_worse_fails:
        return f"{formatting.quality(worse.crf)}: not {', '.join(answer.next_worse_fails)}"
    vmaf = formatting.vmaf(worse.vmaf_score, target=answer.target_vmaf)
    return f"{formatting.quality(worse.crf)}: {vmaf}"


def with_error(written: str, error: float | None, decimals: int) -> str:
    """Write a number that was estimated with half of its 95 % interval, where that is known.

    Args:
        written: The number.
        error: None or 0 for a number that was measured, or of which it is not known.
        decimals: Of the error, which is rounded up.
    """
    return f"{written} ± {formatting.rounded_up(error, decimals)}" if error else written


def vmaf_of(answer: Answer) -> str:
    """Write the score of an answer, with its error where it is an estimate."""
    error = None if answer.estimate is None else answer.estimate.vmaf_error
    return with_error(formatting.vmaf(answer.vmaf_score, target=answer.target_vmaf), error, 2)


def bitrate_of(answer: Answer) -> str:
    """Write the bitrate of an answer, with its error where it is an estimate."""
    error = None if answer.estimate is None else answer.estimate.bitrate_error_kbps
    return with_error(formatting.bitrate(answer.bitrate_kbps), error, 1)


def setting_of(answer: Answer) -> str:
    """Write the setting of an answer, with its error where it is an estimate."""
    error = None if answer.estimate is None else answer.estimate.crf_error
    told = setting(answer.codec, answer.best_crf)
    return f"{told} ± {formatting.quality(error)}" if error else told


SIDE_BY_SIDE = "Times with a * were measured beside other encodes. Alone, they are shorter."


def encode_times(
    source: Source | None, encode_time_ms: float | None, *, side_by_side: bool
) -> tuple[str, str]:
    """Write how long an encode took and how fast it was, marked where others ran meanwhile."""
    written = formatting.duration(encode_time_ms), _speed(source, encode_time_ms)
    if not side_by_side:
        return written
    took, speed = (value if value == formatting.ABSENT else f"{value}*" for value in written)
    return took, speed


def _speed(source: Source | None, encode_time_ms: float | None) -> str:
    """Tell an encode's speed in frames per second, where the source's length is known."""
    if source is None or not encode_time_ms or encode_time_ms < 0:
        return formatting.ABSENT
    return f"{source.n_frames / encode_time_ms * 1000:,.0f} fps"


def notes(answer: Answer) -> list[str]:
    """List what a reader of a search should know: what lacks in proof, contradictions, notes.

    What stands in the way of a target that is not reached is part of the error.
    """
    limit = [answer.limit.message] if answer.limit and answer.ok else []
    contradictions = [
        f"Scores are not monotone: {knob(answer.codec)} {pair.worse_crf:g} should be worse than "
        f"{pair.better_crf:g}, but scored higher."
        for pair in answer.non_monotone
    ]
    return [*limit, *contradictions, *answer.notes]


def describe_sample(answer: Answer) -> str:
    """Say what stood for a source, and what it promised where that was verified; may be empty."""
    sample = answer.sample
    told = describe_parts(sample)
    if sample is None or sample.estimate is None or not sample.verified:
        return told
    found = sample.estimate
    return (
        f"{told}; said VMAF {formatting.vmaf(found.vmaf_score, target=answer.target_vmaf)} at "
        f"{knob(answer.codec)} {formatting.quality(found.crf)}, "
        f"{formatting.bitrate(found.bitrate_kbps)} kb/s"
    )


def describe_parts(sample: Sample | None) -> str:
    """Say which part of a source stood for it; empty where none did."""
    if sample is None:
        return ""
    parts = counted(len(sample.segments), "part")
    kind = "led to what was measured" if sample.verified else "estimates"
    return f"{parts}, {sample.share:.0%} of the clip: {kind}"


def describe_chunks(chunk_frames: int | None, frame_rate: Fraction | None) -> str:
    """Say what each encode is made of; empty where it is of one piece."""
    if chunk_frames is None:
        return ""
    length = "" if frame_rate is None else f" ({float(chunk_frames / frame_rate):.4g} s)"
    return f"of {counted(chunk_frames, 'frame')}{length}, encoded one by one and joined"


def encode_commands(label: str, encode: Answer | MeasuredEncode) -> list[tuple[str, Sequence[str]]]:
    """List the commands that reproduce an encode; of one in chunks, the first and the last.

    Args:
        label: Tells the encode from others.
        encode: What was measured.
    """
    if encode.encode_command is None:
        return []
    command = shell.split(encode.encode_command)
    if not encode.chunk_commands:
        return [(label, command)]
    first = f"{label}: the first of {len(encode.chunk_commands)} chunks; JSON has them all"
    return [
        (first, shell.split(encode.chunk_commands[0])),
        (f"{label}: joins the chunks", command),
    ]


def rate_of(source: Source | None) -> Fraction | None:
    """Return the frame rate of a source; None of that of a saved result, which is not known."""
    return None if source is None else source.frame_rate


def describe_source(source: Source | None, path: Path) -> str:
    """Say what a source is, in a line; what a saved result knows of it is its name."""
    if source is None:
        return str(path)
    return _described(
        source.path,
        source.resolution,
        source.frame_rate,
        source.n_frames,
        source.pixel_format.name,
        source.filters,
    )


def describe_title(result: LadderResult) -> str:
    """Say what the source of a ladder is, as far as it is known, in a line."""
    source = result.source
    return _described(
        result.src,
        source.resolution,
        source.frame_rate,
        source.n_frames,
        source.pix_fmt,
        result.filter,
    )


def _described(
    path: Path,
    resolution: Resolution | None,
    frame_rate: Fraction | None,
    n_frames: int | None,
    pix_fmt: str | None,
    filters: str,
) -> str:
    told = (
        str(resolution or ""),
        "" if frame_rate is None else f"{float(frame_rate):.5g} fps",
        "" if n_frames is None else counted(n_frames, "frame"),
        pix_fmt or "",
        f"after {filters}" if filters else "",
    )
    known = ", ".join(fact for fact in told if fact)
    return f"{path} ({known})" if known else str(path)


def command_line(argv: Sequence[str], *, one_line: bool = False) -> str:
    """Quote `argv` for a POSIX shell, so that pasting the text runs the same command.

    Args:
        argv: The command.
        one_line: Whether it must be one line, although an argument has several.
    """
    return formatting.encodable(shell.join(argv, one_line=one_line))
