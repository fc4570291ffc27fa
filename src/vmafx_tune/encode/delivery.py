"""Delivers an encode: muxed, opened again, and put in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.encode.muxing import join_encodes
from vmafx_tune.encode.verification import verify
from vmafx_tune.errors import OutputError, UsageError
from vmafx_tune.media.output_file import check_writable, is_stream, written_whole
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.results.encode import Output, OutputStream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.encode.muxing import Muxer
    from vmafx_tune.media.streams import Stream
    from vmafx_tune.model import EncodeSpec, Probe
    from vmafx_tune.ports import ProbeProgress

__all__ = ["check_output", "deliver"]


def check_output(path: Path, *, force: bool) -> None:
    """Make sure that a file can be written, before anything else is done.

    Raises:
        UsageError: It is there, and may not be overwritten.
        OutputError: It cannot be written.
    """
    check_writable(path)
    if is_stream(path):
        raise OutputError(f"The output '{path}' is a device or a pipe. Name a file.")
    if path.exists() and not force:
        raise UsageError(f"The output '{path}' exists. Use --force to overwrite it.")


def deliver(
    answer: Probe,
    encoded: Sequence[Path],
    spec: EncodeSpec,
    muxer: Muxer,
    path: Path,
    *,
    settings: str | None,
    cancel: CancelToken,
    on_progress: ProbeProgress,
) -> Output:
    """Mux an encode with its source's other streams, verify the file, and give it its name.

    Args:
        answer: What was measured.
        encoded: The files of its encode, in order: one, or one for each chunk.
        spec: The encode.
        muxer: Puts it beside the other streams.
        path: The file to write.
        settings: How it was encoded, for a tag; None for none.
        cancel: Ends it early.
        on_progress: Told of frames that are muxed (`mux`) and decoded again (`verify`).

    Raises:
        OutputError: The file cannot be written; nothing is left of it.
        ToolOutputError: It is not what it should be; likewise.
        CancelledError: The work was cancelled; likewise.
    """
    with written_whole(path) as unnamed:
        whole = encoded[0]
        if len(encoded) > 1:
            whole = unnamed.with_name("joined.mp4")
            join_encodes(muxer.session, encoded, spec, whole)
        muxer.write(whole, unnamed, settings=settings, on_progress=_stage(on_progress, "mux"))
        verified, streams = verify(
            unnamed,
            muxer.plan,
            frames=answer.scores.n_frames,
            video_sha256=answer.video_sha256 or measure_packets(whole).sha256,
            cancel=cancel,
            on_progress=_stage(on_progress, "verify"),
        )
        size_bytes = unnamed.stat().st_size
    return Output(
        path=path,
        container=muxer.container.muxer,
        size_bytes=size_bytes,
        size_percent=100 * size_bytes / spec.source.path.stat().st_size,
        streams=tuple(map(_described, streams)),
        dropped=muxer.plan.dropped,
        verified=verified,
    )


def _stage(on_progress: ProbeProgress, stage: str) -> Callable[[int], None]:
    return lambda frames: on_progress(stage, frames)


def _described(stream: Stream) -> OutputStream:
    return OutputStream(stream.index, stream.kind, stream.codec, stream.language, stream.title)
