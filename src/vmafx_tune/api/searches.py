"""Search one encoder for one target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.api.bench import Bench, checked_max_bitrate, row_of
from vmafx_tune.api.sources import open_source
from vmafx_tune.core.alignment import source_notes
from vmafx_tune.core.targets import checked_score
from vmafx_tune.events import Observer, ignore
from vmafx_tune.options import DEFAULT_ENCODERS, DEFAULT_TARGET
from vmafx_tune.wiring import opened
from vmafx_tune.workflows.search import search as run_search

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.options import EncodingOptions, ScoringOptions, SourceOptions, ToolOptions
    from vmafx_tune.results import SearchResult
    from vmafx_tune.wiring import Toolbox

__all__ = ["search"]


def search(
    source: str | Path,
    encoder: str = DEFAULT_ENCODERS[0],
    target: float = DEFAULT_TARGET,
    *,
    max_bitrate_kbps: float | None = None,
    encoding: EncodingOptions | None = None,
    scoring: ScoringOptions | None = None,
    sources: SourceOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    toolbox: Toolbox | None = None,
) -> SearchResult:
    """Find the worst-quality setting of an encoder that still reaches a target, and prove it.

    Args:
        source: The clip to encode: a file, or an http or https URL as a string.
        encoder: ffmpeg's name of the encoder, or an alias such as `x265`.
        target: Pooled VMAF score to reach; a tie passes.
        max_bitrate_kbps: What an answer may have; None for no limit. Encodes that are certain to
            have more are stopped.
        encoding: Preset, range of the quality knob, further encoder arguments.
        scoring: Model, backend, pooling, subsampling.
        sources: How sources are read.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, perhaps from other threads.
        toolbox: Use these adapters instead of ones made from `sources` and `tools`.

    Returns:
        The answer with its proof; for a target out of reach the best probe with the reason
        (`ok` is False).

    Raises:
        EncoderUnavailableError: This ffmpeg lacks the encoder, or this machine cannot open it.
        VmafxTuneError: As `score`, and where a trial encode fails.
    """
    with opened(toolbox, tools, sources) as box:
        probed = open_source(source, scoring, box, observe)
        bench = Bench.prepare(probed, encoding, scoring, box, observe=observe)
        row = row_of(encoder)
        request = bench.request(
            row,
            checked_score(target, bench.model, "A target"),
            max_bitrate_kbps=checked_max_bitrate(max_bitrate_kbps),
        )
        bench.require(row)
        bench.require_arguments(request)
        prober, scout = bench.probers([row], observe)
        result = bench.noted(run_search(request, prober, observe=observe, scout=scout))
        return replace(result, notes=(*source_notes(probed), *bench.notes, *result.notes))
