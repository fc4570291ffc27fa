"""Compare encoders at equal quality."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vmafx_tune.choices import Proof
from vmafx_tune.compare.engine import (
    bd_matrix,
    bd_rates,
    failed_rows,
    found_row,
    in_turn,
    rank,
    search_encoders,
)
from vmafx_tune.errors import EncoderUnavailableError, MediaError, UsageError
from vmafx_tune.events import Observer, ignore
from vmafx_tune.options import DEFAULT_ENCODERS, DEFAULT_TARGET
from vmafx_tune.prepared_source import PreparedSource, checked_max_bitrate, row_of
from vmafx_tune.results.compare import CompareResult
from vmafx_tune.scoring.targets import checked_targets
from vmafx_tune.search.one_probe import check_estimable
from vmafx_tune.session import open_session
from vmafx_tune.source import open_source, source_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.model import Comparison
    from vmafx_tune.options import EncodingOptions, ScoringOptions, SourceOptions, ToolOptions
    from vmafx_tune.results.compare import CompareRow
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.session import Session

__all__ = ["compare"]


def compare(
    source: str | Path,
    encoders: Sequence[str] = DEFAULT_ENCODERS,
    targets: Sequence[float] = (DEFAULT_TARGET,),
    *,
    anchor: str | None = None,
    max_bitrate_kbps: float | None = None,
    require: Sequence[str] = (),
    proof: Proof | None = None,
    workers: int | None = None,
    encoding: EncodingOptions | None = None,
    scoring: ScoringOptions | None = None,
    sources: SourceOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
) -> CompareResult:
    """Rank encoders by the bitrate that each needs for the same quality.

    Args:
        source: The clip to encode: a file, or a URL as a string.
        encoders: ffmpeg's names of the encoders, or aliases.
        targets: Pooled VMAF scores to reach.
        anchor: Encoder that BD-rates are against; must be one of `encoders`.
        max_bitrate_kbps: What an answer may have; None for no limit. Encodes that are certain to
            have more are stopped.
        require: Further conditions that an answer must meet, such as `vmaf.p5>=85` or
            `cambi.mean<=5`.
        proof: As for `search`. Estimates have no BD-rates.
        workers: Encoders worked on at once; None chooses by the number of cores.
        encoding: Preset, range of the quality knob, further encoder arguments.
        scoring: Model, backend, pooling, subsampling.
        sources: How sources are read.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, from several threads.
        session: Use these adapters instead of ones made from `sources` and `tools`.

    Returns:
        A row for each encoder and target; those that failed say why.

    Raises:
        UnknownEncoderError: A name is in no registry row.
        VmafxTuneError: The source, the scorer or an option cannot be used. What goes wrong with
            one encoder only is told in its rows.
    """
    started = time.monotonic()
    with open_session(session, tools, sources, observe) as session:
        probed = open_source(source, scoring, session)
        prepared = PreparedSource.prepare(probed, encoding, scoring, session, require=require)
        rows = _distinct([row_of(name) for name in encoders])
        checked = checked_targets(targets, prepared.model)
        if not rows or not checked:
            raise UsageError("A comparison needs at least one encoder and one target.")
        limit_kbps = checked_max_bitrate(max_bitrate_kbps)
        against = _anchor(anchor, rows)
        searches, unavailable = _searches(prepared, rows, checked[0], limit_kbps)
        notes = prepared.require_arguments(*searches)
        found = [
            *_found(prepared, searches, checked, workers, observe, estimates=proof is Proof.NONE),
            *failed_rows(unavailable, checked, session.probing.ffmpeg.path),
        ]
        ranked = rank(found)
        return CompareResult.at(
            checked,
            src=prepared.source.path,
            source=prepared.source,
            codecs=tuple(row.name for row in rows),
            comparison=_comparison(ranked),
            rows=tuple(prepared.noted(row) for row in ranked),
            bd_rate=() if against is None else bd_rates(found, against),
            bd_matrix=bd_matrix(found) if len(checked) > 1 else (),
            anchor=against,
            new_probes=sum(row.new_probes for row in found),
            wall_time_ms=(time.monotonic() - started) * 1000,
            strategy=prepared.encoding.strategy,
            max_bitrate_kbps=limit_kbps,
            damage=prepared.source.damage,
            notes=(*source_notes(probed), *prepared.notes, *notes),
            **prepared.provenance,
        )


def _searches(
    prepared: PreparedSource,
    rows: Sequence[EncoderRow],
    target: float,
    max_bitrate_kbps: float | None,
) -> tuple[tuple[SearchRequest, ...], dict[str, str]]:
    """Build the searches of the encoders that can run here, and say why others cannot."""
    searches, unavailable = [], {}
    for row in rows:
        try:
            search = prepared.request(row, target, max_bitrate_kbps=max_bitrate_kbps)
            prepared.require(row)
        except (MediaError, EncoderUnavailableError) as error:
            unavailable[row.name] = str(error)
        else:
            searches.append(search)
    return tuple(searches), unavailable


def _found(
    prepared: PreparedSource,
    searches: Sequence[SearchRequest],
    targets: Sequence[float],
    workers: int | None,
    observe: Observer,
    *,
    estimates: bool,
) -> list[CompareRow]:
    """Run the searches of all encoders.

    Raises:
        UsageError: One probe of one of them would say too little.
    """
    if not searches:
        return []
    for search in searches if estimates else ():
        check_estimable(search)
    probing = prepared.session.probing
    workers = workers or probing.slots or _workers(prepared, searches)
    rows = [row_of(search.encoder) for search in searches]
    prober, prescan = prepared.probers(rows, workers=min(workers, len(rows)))
    results = search_encoders(
        searches,
        targets,
        prober,
        workers=workers,
        observe=observe,
        prescan=prescan,
        estimates=estimates,
    )
    return [found_row(result, probing.ffmpeg.path) for result in results]


def _workers(prepared: PreparedSource, searches: Sequence[SearchRequest]) -> int:
    size = prepared.source.resolution
    return prepared.cores.workers([(row_of(search.encoder), size) for search in in_turn(searches)])


def _comparison(rows: Sequence[CompareRow]) -> Comparison | None:
    """Tell what was compared in the first row that says so.

    An encoder that adds depth may have its row compared in another format than the others.
    """
    told = (probe.scores.comparison for row in rows for probe in row.probes)
    return next((comparison for comparison in told if comparison is not None), None)


def _distinct(rows: Sequence[EncoderRow]) -> tuple[EncoderRow, ...]:
    # An encoder may be named twice, by its name and by an alias.
    return tuple({row.name: row for row in rows}.values())


def _anchor(name: str | None, rows: Sequence[EncoderRow]) -> str | None:
    if name is None:
        return None
    anchor = row_of(name).name
    if anchor not in {row.name for row in rows}:
        raise UsageError(f"The anchor {anchor} is not among the encoders. Add it to them.")
    return anchor
