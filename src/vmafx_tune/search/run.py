"""Search one encoder for one target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.choices import Proof
from vmafx_tune.events import Observer, ignore
from vmafx_tune.options import DEFAULT_ENCODERS, DEFAULT_TARGET
from vmafx_tune.prepared_source import PreparedSource, checked_max_bitrate, row_of
from vmafx_tune.scoring.targets import checked_score
from vmafx_tune.search.engine import search as run_search
from vmafx_tune.search.estimate import estimate
from vmafx_tune.search.one_probe import check_estimable
from vmafx_tune.session import open_session
from vmafx_tune.source import open_source, source_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmafx_tune.options import EncodingOptions, ScoringOptions, SourceOptions, ToolOptions
    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.session import Session

__all__ = ["search"]


def search(
    source: str | Path,
    encoder: str = DEFAULT_ENCODERS[0],
    target: float = DEFAULT_TARGET,
    *,
    max_bitrate_kbps: float | None = None,
    require: Sequence[str] = (),
    proof: Proof | None = None,
    encoding: EncodingOptions | None = None,
    scoring: ScoringOptions | None = None,
    sources: SourceOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
) -> SearchResult:
    """Find the worst-quality setting of an encoder that still reaches a target, and prove it.

    Args:
        source: The clip to encode: a file, or a URL as a string.
        encoder: ffmpeg's name of the encoder, or an alias such as `x265`.
        target: Pooled VMAF score to reach; a tie passes.
        max_bitrate_kbps: What an answer may have; None for no limit. Encodes that are certain to
            have more are stopped.
        require: Further conditions that an answer must meet, such as `vmaf.p5>=85` or
            `cambi.mean<=5`.
        proof: `Proof.NONE` estimates the answer from one probe, with its error; None is
            `Proof.FULL`.
        encoding: Preset, range of the quality knob, further encoder arguments.
        scoring: Model, backend, pooling, subsampling.
        sources: How sources are read.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, perhaps from other threads.
        session: Use these adapters instead of ones made from `sources` and `tools`.

    Returns:
        The answer with its proof; for a target out of reach the best probe with the reason
        (`ok` is False). An estimate is never `proven`.

    Raises:
        EncoderUnavailableError: This ffmpeg lacks the encoder, or this machine cannot open it.
        VmafxTuneError: As `score`, and where a trial encode fails.
    """
    with open_session(session, tools, sources, observe) as session:
        probed = open_source(source, scoring, session)
        prepared = PreparedSource.prepare(probed, encoding, scoring, session, require=require)
        row = row_of(encoder)
        request = prepared.request(
            row,
            checked_score(target, prepared.model, "A target"),
            max_bitrate_kbps=checked_max_bitrate(max_bitrate_kbps),
        )
        if proof is Proof.NONE:
            check_estimable(request)
        prepared.require(row)
        prepared.require_arguments(request)
        prober, prescan = prepared.probers([row], ahead=proof is not Proof.NONE)
        find = estimate if proof is Proof.NONE else run_search
        result = prepared.noted(find(request, prober, observe=observe, prescan=prescan))
        return replace(result, notes=(*source_notes(probed), *prepared.notes, *result.notes))
