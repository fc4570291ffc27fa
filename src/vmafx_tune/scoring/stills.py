"""Frames as pictures, as they were compared: of the reference, of the encode, their difference."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError, ToolOutputError
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.media.output_file import written_whole
from vmafx_tune.results.score import Still
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.ffmpeg_filter import check_run, still_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import ScoreRequest

__all__ = ["DIFFERENCE_GAIN", "write_stills"]

DIFFERENCE_GAIN = 8
"""How much brighter a difference is drawn than it is: of most encodes it would be all but black.
The same for all, so that they can be held against each other."""

_KINDS = ("reference", "distorted", "difference")


def write_stills(
    request: ScoreRequest,
    pairs: Mapping[int, int],
    folder: Path,
    *,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
    work_dir: Path | None = None,
) -> dict[int, Still]:
    """Write pairs of frames as PNG.

    Args:
        request: The clips.
        pairs: What each frame is called, and the number of its pair among those compared.
        folder: Where to write them; made where there is none.
        ffmpeg: The ffmpeg to use.
        runner: Runs it.
        work_dir: Where scratch folders are made; None for the system's temporary folder.

    Returns:
        The pictures of each frame, by what it is called.

    Raises:
        OutputError: They cannot be written.
        VmafxTuneError: ffmpeg failed.
    """
    if not pairs:
        return {}
    ordered = sorted(pairs, key=lambda frame: pairs[frame])
    arguments = still_arguments(
        request,
        plan_scoring(request),
        [pairs[frame] for frame in ordered],
        [f"{kind}-%d.png" for kind in _KINDS],
        DIFFERENCE_GAIN,
    )
    with scratch_folder(work_dir) as scratch:
        # Nothing is written before the first of the frames is reached, which may take as long as
        # scoring did.
        done = runner.run([str(ffmpeg.path), *arguments], cwd=scratch, progress=lambda _: True)
        check_run(done, (), None, ffmpeg.path, runner.cancel)
        _made(folder)
        return {
            frame: _still(frame, number, scratch, folder)
            for number, frame in enumerate(ordered, start=1)
        }


def _still(frame: int, number: int, scratch: Path, folder: Path) -> Still:
    paths = [folder / f"frame-{frame:06}-{kind}.png" for kind in _KINDS]
    for kind, path in zip(_KINDS, paths, strict=True):
        picture = scratch / f"{kind}-{number}.png"
        if not picture.is_file():
            raise ToolOutputError(f"ffmpeg wrote no picture of frame {frame}.")
        with written_whole(path) as unnamed:
            shutil.copyfile(picture, unnamed)
    return Still(frame=frame, reference=paths[0], distorted=paths[1], difference=paths[2])


def _made(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder '{folder}' cannot be made: {error.strerror or error}."
        ) from error
