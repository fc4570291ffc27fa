"""Delivers an encode: muxed, opened again, and put in its place."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.encode.verification import verify
from vmafx_tune.errors import OutputError, UsageError
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.results.encode import Output, OutputStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.encode.muxing import Muxer
    from vmafx_tune.model import EncodeSpec, Probe, Stream
    from vmafx_tune.ports import ProbeProgress

__all__ = ["check_output", "deliver"]


def check_output(path: Path, *, force: bool) -> None:
    """Make sure that a file can be written, before anything else is done.

    Raises:
        UsageError: It is there, and may not be overwritten.
        OutputError: It cannot be written.
    """
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"The output '{path}' is a folder. Name a file in it.")
    if not folder.is_dir():
        raise OutputError(f"The folder of the output '{path}' does not exist. Create it first.")
    if path.exists() and not path.is_file():
        raise OutputError(f"The output '{path}' is a device or a pipe. Name a file.")
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputError(f"The output '{path}' cannot be written: permission denied.")
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
    # In the folder of the output, so that it only has to be renamed.
    with _writing(path), scratch_folder(_existing(path.parent)) as folder:
        whole = encoded[0]
        if len(encoded) > 1:
            whole = folder / "joined.mp4"
            muxer.join(encoded, spec, whole)
        unnamed = folder / f"output{path.suffix}"
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
        _put(unnamed, path)
    return Output(
        path=path,
        container=muxer.container.muxer,
        size_bytes=size_bytes,
        size_percent=100 * size_bytes / spec.source.path.stat().st_size,
        streams=tuple(map(_described, streams)),
        dropped=muxer.plan.dropped,
        verified=verified,
    )


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise OutputError(f"The folder of the output, '{folder}', is gone.")
    return folder


def _stage(on_progress: ProbeProgress, stage: str) -> Callable[[int], None]:
    return lambda frames: on_progress(stage, frames)


def _put(file: Path, path: Path) -> None:
    """Give a finished file its name, once it is on the disk as a whole."""
    with file.open("rb") as written:
        os.fsync(written.fileno())
    # Scratch folders are private, and what is delivered is not.
    mask = os.umask(0o077)
    os.umask(mask)
    file.chmod(0o666 & ~mask)
    file.replace(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The output '{path}' cannot be written: {error.strerror or error}."
        ) from error


def _described(stream: Stream) -> OutputStream:
    return OutputStream(stream.index, stream.kind, stream.codec, stream.language, stream.title)
