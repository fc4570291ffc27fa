"""Runs encodes: a specification in, a whole file with its measurements out."""

from __future__ import annotations

import dataclasses
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.encoders.argv import check_labels, run_command, user_command
from vmafx_tune.encoders.availability import (
    encoder_version,
    failure_reason,
    refused_values,
)
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import (
    EncodeFailedError,
    EncoderUnavailableError,
    MediaError,
    OutputError,
    TooLargeError,
    ToolOutputError,
    UnreadableSourceError,
    UsageError,
    VmafxTuneError,
)
from vmafx_tune.media.cleanup import written_bytes
from vmafx_tune.media.ffmpeg import frame_counter, is_disk_full
from vmafx_tune.model import EncodeOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.packets import PacketSummary
    from vmafx_tune.media.process import Completed, ProcessRunner
    from vmafx_tune.model import CapFactors, EncodeSpec, Source
    from vmafx_tune.ports import FrameProgress

__all__ = ["FfmpegEncoder", "check_size", "watch_size"]

# What a container may add to the packets: MP4 writes some 50 bytes before its index, which comes at
# the end; the fragments and the containers that extra arguments may ask for stay below this.
_HEADER_BYTES = 16384
_FRAME_BYTES = 64
# The encode's frame rate, and with it its duration, may differ a little from the source's.
_SLACK = 1.01
# What does not fit into 64 bits is no count of anything.
_MOST_DIGITS = 19


def watch_size(spec: EncodeSpec) -> Callable[[str], None]:
    """Follow the lines of ffmpeg's `-progress`, which give frames and bytes twice a second.

    Bytes only grow, so an encode that has had more by now than it may have for the whole clip is
    certain to be too large, whatever follows. The last report counts for nothing: it includes the
    container's index, and the encode is over.

    Args:
        spec: What is encoded; without a limit, or where its duration is not known, nothing is
            ever too large.

    Returns:
        Takes a line; raises `TooLargeError` as soon as the encode is certain to be above its limit.
    """
    source = spec.source
    limit_kbps = spec.max_bitrate_kbps if _is_whole(spec) and source.n_frames else None
    if limit_kbps is None:
        return lambda _: None
    added_bytes = _HEADER_BYTES + _FRAME_BYTES * source.n_frames
    seen = {"frame": 0, "total_size": 0}

    def take(line: str) -> None:
        name, _, value = line.partition("=")
        if name in seen and value.strip().isdecimal() and len(value) < _MOST_DIGITS:
            seen[name] = int(value)
        # Where there are more frames, the source is longer than it says.
        elif line == "progress=continue" and seen["frame"] <= source.n_frames:
            packets_kb = (seen["total_size"] - added_bytes) / 1000
            least_kbps = packets_kb * 8 / (source.duration_s * _SLACK)
            if least_kbps > limit_kbps:
                raise TooLargeError(limit_kbps, least_kbps)

    return take


def check_size(spec: EncodeSpec, outcome: EncodeOutcome) -> None:
    """Hold a finished encode against its limit.

    Raises:
        TooLargeError: It is above it.
    """
    limit_kbps = spec.max_bitrate_kbps
    if limit_kbps is not None and _is_whole(spec) and outcome.bitrate_kbps > limit_kbps:
        raise TooLargeError(limit_kbps, outcome.bitrate_kbps)


def _is_whole(spec: EncodeSpec) -> bool:
    """Tell whether the limit is about this encode: a part of a clip may be above the clip's."""
    return spec.source.excerpt is None


class FfmpegEncoder:
    """Encodes with ffmpeg; implements `ports.Encoder`. Thread-safe.

    Args:
        ffmpeg: The program.
        runner: Runs it, and cancels it.
    """

    def __init__(self, ffmpeg: Ffmpeg, runner: ProcessRunner) -> None:
        self._ffmpeg = ffmpeg
        self._runner = runner

    def encode(
        self, spec: EncodeSpec, target: Path, *, on_progress: FrameProgress | None = None
    ) -> EncodeOutcome:
        """Encode `spec` to the MP4 file `target`, which appears whole or not at all.

        Raises:
            UsageError: The encoder does not take the quality, the preset or an argument, or ended
                well without one.
            MediaError: It does not take the source's size, or cannot keep its colours.
            EncoderUnavailableError: This ffmpeg does not have it.
            EncodeFailedError: ffmpeg ended with an error.
            ToolOutputError: ffmpeg ended well, but wrote no video.
            ToolTimeoutError: ffmpeg encoded no frame for too long.
            TooLargeError: The encode is above `spec.max_bitrate_kbps`; it was stopped as soon as
                that was certain.
            OutputError: The target's folder is full or cannot be written.
            CancelledError: The work was cancelled.
        """
        row = encoder_row(spec.encoder)
        row.check(spec)
        if spec.caps is not None:
            return self._encode_capped(spec, spec.caps, target, on_progress)
        with _appearing(target) as partial:
            command = run_command(spec, row, self._ffmpeg.path, partial)
            done = self._runner.run(command, progress=_following(spec, on_progress))
            if done.returncode != 0:
                raise _failure(done, spec, row, target)
            _require_all_taken(done, spec)
            outcome = self._outcome(spec, partial, done)
            check_size(spec, outcome)
        return dataclasses.replace(
            outcome, encoded=dataclasses.replace(outcome.encoded, path=target)
        )

    def _encode_capped(
        self,
        spec: EncodeSpec,
        factors: CapFactors,
        target: Path,
        on_progress: FrameProgress | None,
    ) -> EncodeOutcome:
        """Encode twice: the first time to find out what the caps are."""
        free = dataclasses.replace(spec, caps=None, max_bitrate_kbps=None)
        try:
            caps = factors.at(self.encode(free, target, on_progress=on_progress).bitrate_kbps)
        finally:
            target.unlink(missing_ok=True)
        outcome = self.encode(spec.capped(caps), target, on_progress=on_progress)
        return dataclasses.replace(outcome, caps=caps)

    def _outcome(self, spec: EncodeSpec, partial: Path, done: Completed) -> EncodeOutcome:
        row = encoder_row(spec.encoder)
        packets, encoded = _examine(partial, done)
        check_labels(spec, row, encoded)
        return EncodeOutcome(
            encoded=encoded,
            size_bytes=packets.size_bytes,
            keyframe_bytes=packets.keyframe_bytes,
            video_sha256=packets.sha256,
            n_frames=packets.n_packets,
            encode_time_s=done.wall_time_s,
            encoder_version=encoder_version(row, done.stderr, packets.first, self._ffmpeg.version),
            command=user_command(spec, row, self._ffmpeg.path),
            codecs=_codecs(partial),
            peak_bitrate_kbps=_peak_bitrate_kbps(packets, spec),
        )


def _examine(partial: Path, done: Completed) -> tuple[PacketSummary, Source]:
    # A search that is answered from the cache makes an encoder, and examines nothing.
    from vmafx_tune.media.packets import measure_packets
    from vmafx_tune.media.probe import leave_out_grain, probe_source

    if written_bytes(partial) is None:
        raise _no_video(done)
    try:
        return measure_packets(partial), leave_out_grain(probe_source(partial))
    except UnreadableSourceError as error:
        raise _no_video(done) from error


def _codecs(encoded: Path) -> str:
    from vmafx_tune.media.codec_strings import codec_string

    try:
        return codec_string(encoded)
    except MediaError:  # an encode is worth its score even where no manifest can name it
        return ""


def _peak_bitrate_kbps(packets: PacketSummary, spec: EncodeSpec) -> float | None:
    from vmafx_tune.media.packets import SEGMENT_S, peak_bitrate_kbps, segment_length

    gop, frame_rate = spec.gop_frames, spec.source.frame_rate
    segment_s = SEGMENT_S if gop is None else segment_length(frame_rate, gop)
    try:
        return peak_bitrate_kbps(packets, segment_s)
    except MediaError:
        return None


def _following(spec: EncodeSpec, on_progress: FrameProgress | None) -> Callable[[str], bool]:
    watch, counter = watch_size(spec), frame_counter(spec.source.n_frames, on_progress)

    def follow(line: str) -> bool:
        watch(line)
        return counter(line)

    return follow


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """Give the block a file beside `target` to fill; it takes that name if the block ends well."""
    unique = os.urandom(4).hex()
    partial = target.with_name(f".{target.stem}.{unique}.part{target.suffix}")
    with _writing(target):
        partial.touch(exist_ok=False)
    try:
        yield partial
        with _writing(target):
            partial.replace(target)
    finally:
        try:
            partial.unlink(missing_ok=True)
        except OSError:  # the program has made a folder of it
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"'{target}' cannot be written: {error.strerror or error}. Use another folder with "
            "--work-dir."
        ) from error


def _require_all_taken(done: Completed, spec: EncodeSpec) -> None:
    """Refuse an encode that left out some of its further arguments: it is not the one asked for."""
    if spec.extra_args and (refused := refused_values(done.stderr)):
        raise UsageError(f"{spec.encoder} rejects encoder arguments: {'; '.join(refused)}.")


def _no_video(done: Completed) -> ToolOutputError:
    return done.error(
        ToolOutputError,
        f"'{done.argv[0]}' succeeded, but did not write a readable video. Check that it is a "
        "real ffmpeg, and that no encoder argument changes the output.",
    )


def _failure(done: Completed, spec: EncodeSpec, row: EncoderRow, target: Path) -> VmafxTuneError:
    log = f"{done.stderr}\n{done.stderr_tail}"
    if is_disk_full(log, done.returncode):
        return OutputError(
            f"The encode does not fit into '{target.parent}': the disk is full, or a file size "
            "limit is reached. Free some space, or use another folder with --work-dir."
        )
    reason = failure_reason(log, done.returncode)
    missing = reason == f"Unknown encoder '{row.name}'"
    kind = EncoderUnavailableError if missing else EncodeFailedError
    quality = f"{row.knob.name} {row.knob.text(spec.quality)}"
    return done.error(
        kind,
        f"{row.name} could not encode '{os.fspath(spec.source.path)}' at {quality}: {reason}.",
    )
