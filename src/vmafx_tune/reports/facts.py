"""What every renderer reads out of a search or a source: proofs, settings, plain sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.encoders.registry import all_rows
from vmafx_tune.formatting import counted
from vmafx_tune.reports import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    from vmafx_tune.model import Comparison, Probe, Resolution, Source
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.ladder import LadderPoint, LadderTitle
    from vmafx_tune.results.sample import Sample
    from vmafx_tune.results.search import SearchResult

__all__ = [
    "HDR_NOTE",
    "Backend",
    "backend_of",
    "compared_in",
    "describe_chunks",
    "describe_parts",
    "describe_sample",
    "describe_source",
    "describe_title",
    "encode_commands",
    "encoder_version_of",
    "knob",
    "limit_of",
    "missed",
    "next_worse_point",
    "notes",
    "proof",
    "samples_of",
    "setting",
    "speed",
    "stopped",
]

HDR_NOTE = "The source is PQ or HLG, for which no public VMAF model is validated."


@dataclass(frozen=True, slots=True)
class Backend:
    """What computed the scores, and the version of the libvmaf behind it."""

    name: str
    version: str

    def __str__(self) -> str:
        if not self.version:
            return self.name
        library = f"libvmaf {self.version}"
        return library if self.name == "libvmaf" else f"{self.name} ({library})"


def samples_of(search: SearchResult) -> list[tuple[Probe, float]]:
    """Pair the probes of a search with their pooled scores, best quality first."""
    return list(zip(search.probes, search.vmafs, strict=True))


def next_worse_point(search: SearchResult) -> tuple[Probe, float] | None:
    """Find the probe that proves an answer, with its pooled score."""
    probe, vmaf = search.next_worse, search.next_worse_vmaf
    return None if probe is None or vmaf is None else (probe, vmaf)


def backend_of(search: SearchResult) -> Backend | None:
    """Name what scored a search's probes; None where nothing was scored."""
    if not search.probes:
        return None
    scores = search.probes[0].scores
    return Backend(scores.backend, scores.backend_version)


def compared_in(comparison: Comparison | None) -> str:
    """Say what samples were compared; empty where it is not known."""
    if comparison is None:
        return ""
    stated = {"range": comparison.range, "matrix": comparison.matrix}
    words = (value or f"{name} not stated" for name, value in stated.items())
    return ", ".join([comparison.pix_fmt, *words])


def encoder_version_of(search: SearchResult | None) -> str:
    """Name the version of the encoder behind a search; empty where no probe tells."""
    probes = search.probes if search else ()
    return next((probe.encoder_version for probe in probes if probe.encoder_version), "")


def setting(encoder: str, quality: float) -> str:
    """Write a quality setting, with the knob's name where it is not the usual `crf`."""
    name, value = knob(encoder), text.quality(quality)
    return value if name == "crf" else f"{name} {value}"


def knob(encoder: str) -> str:
    """Name an encoder's quality knob, as ffmpeg's option without the dash.

    `crf` for an encoder that is not in the registry: a caller's own prober may use any name.
    """
    names = {row.name: row.knob.name for row in all_rows()}
    return names.get(encoder, "crf")


def missed(search: SearchResult) -> str:
    """Say why a search did not reach its target, with the best that it measured."""
    reason = search.limit.message if search.limit else "The target is not reached."
    if search.answer is None or (search.limit and search.limit.kind == "max_bitrate"):
        return reason
    return (
        f"VMAF {text.given(search.target)} is not reached; the best is "
        f"{text.vmaf(search.vmaf, target=search.target)} at "
        f"{knob(search.encoder)} {text.quality(search.answer.quality)}, "
        f"{text.bitrate(search.answer.bitrate_kbps)} kb/s. {reason}"
    )


def limit_of(result: SearchResult | CompareResult) -> str:
    """Say what an answer may cost; empty where there is no limit."""
    limit_kbps = result.max_bitrate_kbps
    return "" if limit_kbps is None else f"at most {text.given(limit_kbps)} kb/s"


def stopped(search: SearchResult) -> str:
    """Say why an encode has no score."""
    return f"stopped: over {text.given(search.max_bitrate_kbps)} kb/s"


def proof(search: SearchResult) -> str:
    """Show in a few words what proves an answer: the next worse setting and its missing score."""
    if not search.proven:
        return "unproven"
    worse = next_worse_point(search)
    if worse is None:
        return "end of range"
    return f"{text.quality(worse[0].quality)}: {text.vmaf(worse[1], target=search.target)}"


def speed(source: Source, probe: Probe | None) -> str:
    """Tell an encode's speed in frames per second."""
    if probe is None or probe.encode_time_s <= 0:
        return text.ABSENT
    return f"{source.n_frames / probe.encode_time_s:,.0f} fps"


def notes(search: SearchResult) -> list[str]:
    """List what a reader of a search should know: what lacks in proof, contradictions, notes.

    What stands in the way of a target that is not reached is part of `missed`.
    """
    limit = [search.limit.message] if search.limit and search.ok else []
    contradictions = [
        f"Scores are not monotone: {knob(search.encoder)} {worse:g} should be worse than "
        f"{better:g}, but scored higher."
        for better, worse in search.non_monotone
    ]
    return [*limit, *contradictions, *search.notes]


def describe_sample(search: SearchResult | None) -> str:
    """Say what stood for a source, and what it promised where that was verified; may be empty."""
    sample = search.sample if search else None
    if search is None or sample is None:
        return ""
    told = describe_parts(sample)
    found = sample.estimate
    if found is None or not sample.verified:
        return told
    return (
        f"{told}; said VMAF {text.vmaf(found.vmaf, target=search.target)} at "
        f"{knob(search.encoder)} {text.quality(found.quality)}, "
        f"{text.bitrate(found.bitrate_kbps)} kb/s"
    )


def describe_parts(sample: Sample | None) -> str:
    """Say which part of a source stood for it; empty where none did."""
    if sample is None:
        return ""
    parts = counted(len(sample.parts), "part")
    kind = "led to what was measured" if sample.verified else "estimates"
    return f"{parts}, {sample.share:.0%} of the clip: {kind}"


def describe_chunks(chunk_frames: int | None, frame_rate: Fraction | None) -> str:
    """Say what each encode is made of; empty where it is of one piece."""
    if chunk_frames is None:
        return ""
    length = "" if frame_rate is None else f" ({float(chunk_frames / frame_rate):.4g} s)"
    return f"of {counted(chunk_frames, 'frame')}{length}, encoded one by one and joined"


def encode_commands(label: str, encode: Probe | LadderPoint) -> list[tuple[str, Sequence[str]]]:
    """List the commands that reproduce an encode; of one in chunks, the first and the last.

    Args:
        label: Tells the encode from others.
        encode: What was measured.
    """
    if not encode.command:
        return []
    if not (chunks := encode.chunk_commands):
        return [(label, encode.command)]
    first = f"{label}: the first of {len(chunks)} chunks; JSON has them all"
    return [(first, chunks[0]), (f"{label}: joins the chunks", encode.command)]


def describe_source(source: Source) -> str:
    """Say what a source is, in a line."""
    return _described(
        source.path,
        source.resolution,
        source.frame_rate,
        source.n_frames,
        source.pixel_format.name,
        source.filters,
    )


def describe_title(title: LadderTitle) -> str:
    """Say what the source of a ladder is, as far as it is known, in a line."""
    return _described(
        title.path,
        title.resolution,
        title.frame_rate,
        title.n_frames,
        title.pix_fmt,
        title.filters,
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
