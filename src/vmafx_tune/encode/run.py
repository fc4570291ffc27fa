"""Search, and deliver the encode that was measured."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune import shell
from vmafx_tune._version import __version__
from vmafx_tune.choices import Proof
from vmafx_tune.encode.delivery import check_output, deliver
from vmafx_tune.encode.kept import KeptEncodes
from vmafx_tune.encode.muxing import Muxer
from vmafx_tune.encode.per_shot import PerShotRun, checked_mode
from vmafx_tune.encode.streams import audio_form, checked_subtitles, container_of
from vmafx_tune.errors import ClusterWorkersError, ToolOutputError, UsageError
from vmafx_tune.events import FramesDone, JobFinished, JobStarted, Observer, ignore
from vmafx_tune.formatting import given, quality
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.options import DEFAULT_ENCODERS, DEFAULT_TARGET, DeliveryOptions
from vmafx_tune.prepared_source import PreparedSource, checked_max_bitrate, row_of
from vmafx_tune.results.encode import EncodeResult, Output
from vmafx_tune.scoring.targets import checked_score
from vmafx_tune.search.engine import search
from vmafx_tune.session import open_session
from vmafx_tune.source import open_source, source_notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.choices import PerShot
    from vmafx_tune.encode.streams import Container
    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.events import Event
    from vmafx_tune.model import EncodeSpec, Probe, Source
    from vmafx_tune.options import EncodingOptions, ScoringOptions, SourceOptions, ToolOptions
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.results.per_shot import PerShotEncode
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.session import Session
    from vmafx_tune.shots.joined import JoinedShots
    from vmafx_tune.shots.run import WholeScores

__all__ = ["encode"]

# An encoder that writes something else each time is measured anew with the file kept, which then
# is the answer's unless that comes out otherwise, too.
_MOST_ATTEMPTS = 4
_JOB = "output"


def encode(
    source: str | Path,
    output: str | Path,
    encoder: str = DEFAULT_ENCODERS[0],
    target: float = DEFAULT_TARGET,
    *,
    fallback_targets: Sequence[float] = (),
    max_bitrate_kbps: float | None = None,
    require: Sequence[str] = (),
    proof: Proof | None = None,
    per_shot: PerShot | str | None = None,
    min_shot_s: float | None = None,
    delivery: DeliveryOptions | None = None,
    encoding: EncodingOptions | None = None,
    scoring: ScoringOptions | None = None,
    sources: SourceOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
) -> EncodeResult:
    """Find the cheapest encode that reaches a target, and deliver it with all other streams.

    The file holds the very packets that were measured: nothing is encoded a second time, unless the
    answer comes from the cache, whose encode is then made again and held against the hash of the
    one that was measured.

    Args:
        source: The clip to encode: a file, or a URL as a string.
        output: The file to write: `.mkv`, `.mp4`, `.m4v`, `.mov` or `.webm`.
        encoder: ffmpeg's name of the encoder, or an alias such as `x265`.
        target: Pooled VMAF score to reach; a tie passes.
        fallback_targets: Lower targets to try in turn where `target` cannot be reached.
        max_bitrate_kbps: What the video may have; None for no limit.
        require: Further conditions that it must meet, such as `vmaf.p5>=85` or `cambi.mean<=5`.
        proof: `Proof.NONE` measures what is delivered, but not the next worse setting. None is
            `Proof.FULL`, or `Proof.NONE` with a sample.
        per_shot: `slope` or `constant` to cut the source at scene changes, give each shot a setting
            of its own, and deliver that where it takes fewer bits than the best single setting:
            with equal slopes the fewest that there are, or equal quality; None for one setting.
        min_shot_s: Seconds that a shot lasts at least; None for 1. It needs `per_shot`.
        delivery: What the output holds, and when it is written.
        encoding: Preset, range of the quality knob, further encoder arguments. A sample leads to
            the answer, which is measured on the whole source all the same.
        scoring: Model, backend, pooling, subsampling.
        sources: How sources are read.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, perhaps from other threads.
        session: Use these adapters instead of ones made from `sources` and `tools`.

    Returns:
        The search's answer with its proof, and what was delivered; without `output` where the
        target is out of reach (`ok` is False).

    Raises:
        UsageError: The output exists and may not be overwritten, or has no suffix of a container.
        OutputError: The output cannot be written.
        EncoderUnavailableError: This ffmpeg lacks the encoder, or this machine cannot open it.
        VmafxTuneError: As `search`, and where the finished file is not what it should be.
    """
    started = time.monotonic()
    delivery, path = delivery or DeliveryOptions(), Path(output)
    container, audio = container_of(path), audio_form(delivery.audio)
    subtitles = checked_subtitles(delivery.subtitles)
    row = row_of(encoder)
    mode = checked_mode(per_shot, min_shot_s, encoding, row)
    check_output(path, force=delivery.force)
    with open_session(session, tools, sources, observe) as session:
        probed = open_source(source, scoring, session)
        _check_apart(path, probed)
        prepared = PreparedSource.prepare(
            probed, _measured_whole(encoding), scoring, session, require=require
        )
        targets = (target, *sorted(fallback_targets, reverse=True))
        _check_codec(row, container, path)
        requests = _requests(prepared, row, targets, max_bitrate_kbps, delivery)
        muxer = Muxer(session, prepared.source, container, audio=audio, subtitles=subtitles)
        shots = PerShotRun(prepared, row, requests[0], mode, min_shot_s)
        prove = (proof or _usual_proof(prepared)) is Proof.FULL
        result = _answered(prepared, row, requests, shots, muxer, path, delivery, prove=prove)
        return replace(result, wall_time_ms=(time.monotonic() - started) * 1000)


def _answered(
    prepared: PreparedSource,
    row: EncoderRow,
    requests: Sequence[SearchRequest],
    shots: PerShotRun,
    muxer: Muxer,
    path: Path,
    delivery: DeliveryOptions,
    *,
    prove: bool,
) -> EncodeResult:
    """Search, and deliver the answer's encode while its files are there."""
    with _keeping(prepared, row, requests) as kept:
        single = _searched(prepared, row, requests, delivery, kept, shots.whole, prove=prove)
        with shots.answered(single) as (found, joined):
            known = (*source_notes(prepared.source), *prepared.notes, *shots.notes, *muxer.notes)
            result = _noted(replace(found, notes=(*known, *found.notes)), prepared)
            encoded = _encoded(result, delivery, kept, joined)
            written = _delivered(result, requests[0], muxer, path, delivery, encoded)
        return replace(result, output=written)


def _measured_whole(encoding: EncodingOptions | None) -> EncodingOptions | None:
    """Have a sample show the way only: what is delivered is measured on the whole source."""
    if encoding is None or encoding.sample is None:
        return encoding
    return replace(encoding, verify=True)


def _usual_proof(prepared: PreparedSource) -> Proof:
    return Proof.FULL if prepared.sample is None else Proof.NONE


def _requests(
    prepared: PreparedSource,
    row: EncoderRow,
    targets: Sequence[float],
    max_bitrate_kbps: float | None,
    delivery: DeliveryOptions,
) -> list[SearchRequest]:
    """Build the search for each target, and make sure that the encoder can do it.

    Raises:
        UsageError: A target, a limit or an argument makes no sense.
        EncoderUnavailableError: The encoder does not run here.
        ClusterWorkersError: This machine would not encode as the workers do.
    """
    goals = [checked_score(each, prepared.model, "A target") for each in targets]
    _check_fallbacks(*goals)
    limit_kbps = _limit_kbps(prepared, checked_max_bitrate(max_bitrate_kbps), delivery)
    request = prepared.request(row, goals[0], max_bitrate_kbps=limit_kbps)
    prepared.require(row)
    if (reason := prepared.session.probing.why_not_here(request.template.encode)) is not None:
        raise ClusterWorkersError(
            "The encode that workers measure is made again on this machine, which differs from "
            f"them: {reason}. Run the command on a machine like theirs, or without --cluster."
        )
    prepared.require_arguments(request)
    return [request.at_target(goal) for goal in goals]


@contextmanager
def _keeping(
    prepared: PreparedSource, row: EncoderRow, requests: Sequence[SearchRequest]
) -> Iterator[KeptEncodes]:
    """Keep the encodes of the best probe while the block lasts."""
    session = prepared.session
    with scratch_folder(session.tools.work_dir) as folder:
        kept = KeptEncodes(prepared, row, requests, folder)
        session.keep = kept.keep
        try:
            yield kept
        finally:
            session.keep = None


def _searched(
    prepared: PreparedSource,
    row: EncoderRow,
    requests: Sequence[SearchRequest],
    delivery: DeliveryOptions,
    kept: KeptEncodes,
    whole: WholeScores,
    *,
    prove: bool,
) -> EncodeResult:
    """Search until the answer's encode is at hand, just as it was measured."""
    observe, request = prepared.session.observe, requests[0]

    def see(event: Event) -> None:
        kept.see(event)
        whole.see(event)
        observe(event)

    fallbacks = [each.target for each in requests[1:]]
    made = 0
    for _ in range(_MOST_ATTEMPTS):
        prober, prescan = prepared.probers([row])
        found = search(
            request, prober, observe=see, prescan=prescan, fallbacks=fallbacks, prove=prove
        )
        made += found.new_probes
        facts = {field.name: getattr(found, field.name) for field in fields(found)}
        result = EncodeResult(**facts | {"new_probes": made})
        answer = _deliverable(result, delivery)
        if answer is None:
            return result
        if kept.has(answer):
            return replace(result, worst_second=kept.worst_second(answer))
        # The encoder does not write the same again, so what it writes now is what counts.
        kept.measure_anew(answer)
        made += 1
    raise ToolOutputError(
        f"{row.name} does not write the same encode twice, so what was measured cannot be "
        "delivered. Use --threads 1, or another encoder."
    )


def _noted(result: EncodeResult, prepared: PreparedSource) -> EncodeResult:
    """Add to the notes what only the source's file tells of the encode that is delivered."""
    found = result.per_shot
    if found is None or not found.delivered:
        return prepared.noted(result)
    delivered = replace(result, bitrate_kbps=found.bitrate_kbps, size_bytes=found.size_bytes)
    return replace(result, notes=prepared.noted(delivered).notes)


class _Encoded(NamedTuple):
    """What is to be delivered: what was measured, and the files of its encode, in order."""

    answer: Probe
    files: Sequence[Path]
    joined: bool = False


def _encoded(
    result: EncodeResult,
    delivery: DeliveryOptions,
    kept: KeptEncodes,
    joined: JoinedShots | None,
) -> _Encoded | None:
    """Find what is to be delivered; None where nothing is."""
    if joined is not None:
        return _Encoded(joined.probe, [joined.path], joined=True)
    answer = _deliverable(result, delivery)
    return None if answer is None else _Encoded(answer, kept.files(answer))


def _delivered(
    result: EncodeResult,
    request: SearchRequest,
    muxer: Muxer,
    path: Path,
    delivery: DeliveryOptions,
    encoded: _Encoded | None,
) -> Output | None:
    """Deliver an encode; returns None where there is none."""
    if encoded is None:
        return None
    answer, session = encoded.answer, muxer.session
    spec = replace(request.template.encode, quality=result.best_crf)
    settings = _settings(spec, answer, session, result.per_shot if encoded.joined else None)
    with _shown(result, session) as on_progress:
        return deliver(
            answer,
            encoded.files,
            spec,
            muxer,
            path,
            settings=settings if delivery.tag else None,
            cancel=session.cancel,
            on_progress=on_progress,
        )


def _deliverable(result: EncodeResult, delivery: DeliveryOptions) -> Probe | None:
    """Find what is to be delivered; None where nothing is."""
    return result.answer if result.ok or delivery.best_effort else None


def _check_apart(path: Path, source: Source) -> None:
    """Refuse to write over the source, whatever the two are called."""
    if path.exists() and path.samefile(source.path):
        raise UsageError(
            f"The output '{path}' is the source itself, and would overwrite it. Write to another "
            "file."
        )


def _check_fallbacks(target: float, *fallbacks: float) -> None:
    if not_lower := [given(each) for each in fallbacks if each >= target]:
        raise UsageError(
            f"The fallback target {' and '.join(not_lower)} is not below the target, "
            f"{given(target)}. Use lower ones."
        )


def _check_codec(row: EncoderRow, container: Container, path: Path) -> None:
    if row.codec not in container.codecs:
        raise UsageError(
            f"{container.name} cannot hold what {row.name} writes. Name the output "
            f"'{path.with_suffix('.mkv').name}', or use another encoder."
        )


def _limit_kbps(
    prepared: PreparedSource, limit_kbps: float | None, delivery: DeliveryOptions
) -> float | None:
    """Take the lower one of two limits: that in kb/s, and that in percent of the source's video."""
    percent = delivery.max_size_percent
    if percent is None:
        return limit_kbps
    if not (math.isfinite(percent) and percent > 0):
        raise UsageError(f"--max-size-percent {given(percent)} is not valid. Use more than 0.")
    source_kbps = prepared.session.reader.video_bitrate_kbps(prepared.source, 1 << 60)
    if source_kbps is None:
        raise UsageError(
            "--max-size-percent has no effect on a source that is not compressed. Use "
            "--max-bitrate."
        )
    # In bits per second, which are told in full.
    share_kbps = math.floor(source_kbps * percent * 10) / 1000
    return min(filter(None, (limit_kbps, share_kbps)))


def _settings(
    spec: EncodeSpec, answer: Probe, session: Session, per_shot: PerShotEncode | None
) -> str:
    """Say how an encode was made, for the file: with names of files, but not where they were."""
    nameless = replace(spec.source, path=Path(spec.source.path.name))
    told = f"vmafx-tune {__version__}; {answer.encoder_version}; "
    if per_shot is not None:
        spec = replace(spec, joinable=True)
        lowest, highest = (f([shot.crf for shot in per_shot.shots]) for f in (min, max))
        told += (
            f"{len(per_shot.shots)} shots ({per_shot.mode}) at {quality(lowest)} to "
            f"{quality(highest)} in place of {quality(spec.quality)} in "
        )
    command = session.user_command(replace(spec, source=nameless))
    program = Path(command[0]).name
    return f"{told}{shell.join((program, *command[1:]), one_line=True)}"


@contextmanager
def _shown(result: EncodeResult, session: Session) -> Iterator[ProbeProgress]:
    """Show a delivery as a job of its own."""
    n_frames = result.source.n_frames
    session.observe(JobStarted(_JOB, 2 * n_frames))

    def on_progress(stage: str, frames: int) -> None:
        session.observe(FramesDone(_JOB, stage, frames + (n_frames if stage == "verify" else 0)))

    yield on_progress
    session.observe(JobFinished(_JOB, ok=True, summary="written and verified"))
