"""What every renderer reads out of a search, or an encode: the answer, what was tried, how."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.formatting import counted
from vmafx_tune.reports import facts
from vmafx_tune.reports.facts import Heading, Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.encode import EncodeResult, Output
    from vmafx_tune.results.per_shot import PerShotEncode
    from vmafx_tune.results.search import ProbeSummary, SearchResult

__all__ = [
    "circumstances",
    "commands",
    "condition_sheet",
    "delivery",
    "encode_name",
    "heading",
    "more_shots",
    "probe_sheet",
    "remarks",
    "shot_settings",
    "shot_sheet",
    "took",
]

_MOST_SHOTS = 40


def encode_name(result: SearchResult) -> str:
    """Name the answer: the encoder at its setting."""
    return f"{result.codec} {facts.knob(result.codec)} {formatting.quality(result.best_crf)}"


def heading(result: SearchResult) -> str:
    """Say what was found, in a line without the source's name."""
    target = formatting.given(result.target_vmaf)
    if not result.ok:
        missed = [one.condition for one in result.conditions[1:] if not one.ok]
        reached = result.vmaf_score is not None and result.vmaf_score >= result.target_vmaf
        if missed and reached:
            return f"{result.codec} does not meet {formatting.listed(missed)}"
        return f"{result.codec} does not reach VMAF {target}"
    if not result.is_measured:
        return (
            f"{encode_name(result)} should reach VMAF {target} with about "
            f"{formatting.vmaf(result.vmaf_score, target=result.target_vmaf)} at about "
            f"{formatting.bitrate(result.bitrate_kbps)} kb/s"
        )
    return (
        f"{encode_name(result)} reaches VMAF {target} with "
        f"{formatting.vmaf(result.vmaf_score, target=result.target_vmaf)} at "
        f"{formatting.bitrate(result.bitrate_kbps)} kb/s"
    )


def circumstances(result: SearchResult, *, with_time: bool = True) -> list[tuple[str, str]]:
    """List what was searched, and how; what is not known is empty."""
    scorer = "" if result.backend is None else facts.scorer(result.backend, result.backend_version)
    return [
        ("Source", facts.describe_source(result.source, result.src)),
        ("Encoder", result.encoder_version),
        ("Model", f"{result.model}, {result.pool.value} at {result.display}"),
        ("Compared in", facts.compared_in(result.comparison)),
        ("Scored by", scorer),
        ("Answer", facts.limit_of(result)),
        ("Estimate", estimate(result)),
        ("Sample", facts.describe_sample(result)),
        ("Chunks", facts.describe_chunks(result.chunk_frames, facts.rate_of(result.source))),
        ("Took", took(result) if with_time else ""),
    ]


def estimate(result: SearchResult) -> str:
    """Tell an estimated answer with its errors; empty for another one."""
    if result.estimate is None:
        return ""
    known = "" if result.estimate.crf_error is None else " (95 %)"
    knob = "crf " if facts.knob(result.codec) == "crf" else ""
    return (
        f"{knob}{facts.setting_of(result)}, VMAF {facts.vmaf_of(result)}, "
        f"{facts.bitrate_of(result)} kb/s{known}"
    )


def took(result: SearchResult) -> str:
    """Say how long it took, and how many probes."""
    count = len(result.bisect_samples) + len(result.too_large)
    known = count - result.new_probes
    cached = f", {known} cached" if known > 0 else ""
    return f"{formatting.duration(result.wall_time_ms)}, {counted(count, 'probe')}{cached}"


def remarks(result: SearchResult) -> list[str]:
    """List what a reader of a search should know of the answer and the source."""
    marked = any(probe.side_by_side for probe in result.bisect_samples)
    return [
        *facts.notes(result),
        *([facts.HDR_NOTE] if result.hdr else []),
        *([facts.SIDE_BY_SIDE] if marked else []),
    ]


def commands(result: SearchResult) -> list[tuple[str, Sequence[str]]]:
    """List the commands that reproduce the answer."""
    return facts.encode_commands(encode_name(result), result)


def probe_sheet(result: SearchResult) -> Sheet:
    """Tabulate every probe, those that were stopped first."""
    headings = (
        Heading("CRF"),
        Heading("VMAF"),
        Heading("kb/s"),
        Heading("Encode"),
        Heading("Speed"),
        Heading("", number=False),
    )
    stopped = [
        (
            facts.setting(result.codec, quality),
            *[formatting.ABSENT] * (len(headings) - 2),
            facts.stopped(result),
        )
        for quality in result.too_large
    ]
    unmeasured = [] if result.is_measured else [_estimate_cells(result, len(headings))]
    return Sheet(
        headings,
        (*stopped, *(_probe_cells(result, probe) for probe in result.bisect_samples), *unmeasured),
        (
            *["stopped"] * len(stopped),
            *("best" if probe.crf == result.best_crf else "" for probe in result.bisect_samples),
            *["best"] * len(unmeasured),
        ),
    ).without_unknown(result.source)


def _estimate_cells(result: SearchResult, n_cells: int) -> tuple[str, ...]:
    cells = (facts.setting_of(result), facts.vmaf_of(result), facts.bitrate_of(result))
    absent = [formatting.ABSENT] * (n_cells - len(cells) - 1)
    return (*cells, *absent, "answer, estimated" if result.ok else "best, estimated")


def condition_sheet(result: SearchResult) -> Sheet:
    """Tabulate what the answer and the next worse setting have for each condition.

    Of an encode with a setting for each shot, what that has comes before.
    """
    shots = _delivered_shots(result)
    of_shots = () if shots is None else (shots,)
    return Sheet(
        (
            Heading("Condition", number=False),
            *(Heading("Shots") for _ in of_shots),
            Heading("Answer" if result.ok else "Best"),
            Heading("Next worse"),
            Heading("", number=False),
        ),
        tuple(
            (
                one.condition,
                *(
                    formatting.condition_value(one.condition, _value_of(each, one.condition))
                    for each in of_shots
                ),
                formatting.condition_value(one.condition, one.value),
                formatting.condition_value(one.condition, one.next_worse_value),
                "not met" if not one.ok else "next worse fails" * (one.next_worse_ok is False),
            )
            for one in result.conditions
        ),
    )


def _value_of(shots: PerShotEncode, condition: str) -> float | None:
    """Find what shots have for a condition; the target is the one that is no metric of theirs."""
    return shots.metrics.get(formatting.condition_name(condition), shots.vmaf_score)


def _delivered_shots(result: SearchResult) -> PerShotEncode | None:
    """Return the shots of an encode whose file has their settings."""
    shots: PerShotEncode | None = getattr(result, "per_shot", None)
    return shots if shots is not None and shots.delivered else None


def _probe_cells(result: SearchResult, probe: ProbeSummary) -> tuple[str, ...]:
    return (
        facts.setting(result.codec, probe.crf),
        formatting.vmaf(probe.vmaf_score, target=result.target_vmaf),
        formatting.bitrate(probe.bitrate_kbps),
        *facts.encode_times(result.source, probe.encode_time_ms, side_by_side=probe.side_by_side),
        _remark(result, probe),
    )


def _remark(result: SearchResult, probe: ProbeSummary) -> str:
    if probe.crf == result.best_crf:
        if result.estimate is not None and result.ok:
            return "answer, estimated"
        if not result.ok:
            return "best, misses a condition" if result.conditions else "best, misses the target"
        return "answer, proven" if result.proven else "answer, unproven"
    return "next worse, misses" if probe == result.next_worse else ""


def shot_sheet(found: PerShotEncode, codec: str) -> Sheet:
    """Tabulate the shots; of very many, the first ones."""
    return Sheet(
        (
            Heading("Shot"),
            Heading("Start"),
            Heading("Frames"),
            Heading("CRF"),
            Heading("VMAF"),
            Heading("kb/s"),
        ),
        tuple(
            (
                str(number),
                formatting.time_code(Fraction(shot.start_s)),
                str(shot.n_frames),
                facts.setting(codec, shot.crf),
                formatting.vmaf(shot.vmaf_score),
                formatting.bitrate(shot.bitrate_kbps),
            )
            for number, shot in enumerate(found.shots[:_MOST_SHOTS], start=1)
        ),
    )


def more_shots(found: PerShotEncode) -> str:
    """Say how many shots the sheet leaves out; empty where it has all."""
    left = len(found.shots) - _MOST_SHOTS
    return f"{counted(left, 'more shot')} in the JSON document." if left > 0 else ""


def delivery(result: EncodeResult, output: Output) -> list[tuple[str, str]]:
    """List what was delivered, beside its name; what does not apply is empty."""
    size = formatting.file_size(output.size_bytes)
    return [
        ("Size", f"{size}, {_change(output.size_percent)}"),
        ("Video", _video(result)),
        ("VMAF", _quality(result)),
        ("Proof", _proof(result)),
        ("Shots", "" if result.per_shot is None else _compared_shots(result, result.per_shot)),
        ("Streams", _streams(output)),
        ("Took", took(result)),
    ]


def _change(percent: float) -> str:
    change = percent - 100
    return f"{abs(change):.0f} % {'more' if change > 0 else 'less'} than the source"


def _video(result: EncodeResult) -> str:
    found = _delivered_shots(result)
    if found is None:
        return f"{encode_name(result)}, {formatting.bitrate(result.bitrate_kbps)} kb/s"
    settings = shot_settings(found, result.codec)
    return f"{result.codec} {settings}, {formatting.bitrate(found.bitrate_kbps)} kb/s"


def shot_settings(found: PerShotEncode, codec: str) -> str:
    """Say what shots were encoded at: `crf 21 to 34`."""
    crfs = sorted({shot.crf for shot in found.shots})
    ends = map(formatting.quality, (crfs[0], crfs[-1]) if len(crfs) > 1 else crfs)
    return f"{facts.knob(codec)} {' to '.join(ends)}"


def _compared_shots(result: EncodeResult, found: PerShotEncode) -> str:
    """Hold the shots' own settings against the single one."""
    saving = found.saving_percent
    change = f"{abs(saving):.1f} % {'less' if saving > 0 else 'more'} than at"
    single = f"{encode_name(result)}, {formatting.bitrate(result.bitrate_kbps)} kb/s"
    told = f"{len(found.shots)}, {change} {single}"
    if not found.delivered:
        told += f"; not delivered ({shot_settings(found, result.codec)})"
    return f"{told}; {counted(found.probes, 'probe')} of {found.grid_probes}"


def _quality(result: EncodeResult) -> str:
    of = _delivered_shots(result) or result
    pooled, target = of.vmaf_pooled, result.target_vmaf
    found = f"{formatting.vmaf(of.vmaf_score, target=target)} for {formatting.given(target)}"
    if pooled is None:
        return found
    told = [f"{found} ({result.pool.value})", f"p5 {formatting.vmaf(pooled.p5)}"]
    worst = of.worst_second
    if worst is not None:
        told.append(f"worst second {formatting.vmaf(worst.vmaf_score)} at {worst.time_code}")
    return ", ".join(told)


def _proof(result: EncodeResult) -> str:
    proof = facts.proof(result)
    if _delivered_shots(result) is not None:
        every = "" if result.subsample == 1 else f", one frame in {result.subsample}"
        return f"measured as a whole{every}"
    if result.next_worse is None or not result.proven:
        return proof
    misses = "" if result.next_worse_fails else " misses"
    return f"{facts.knob(result.codec)} {proof}{misses}"


def _streams(output: Output) -> str:
    kinds = Counter(stream.type for stream in output.streams)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    left = f"; {counted(len(output.dropped), 'stream')} left out" if output.dropped else ""
    return f"{told}{left}"
