"""From `--deinterlace`, `--crop` and `--filter` to one chain before a source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.media.black_bars import check_box, crop_filter, find_picture
from vmafx_tune.media.filter_chain import checked_chain
from vmafx_tune.media.filtering import filter_source
from vmafx_tune.parsing import parse_crop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import Source

__all__ = ["prepare_source"]

# One picture for each, by the fields that the stream declares.
_DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced"


def prepare_source(
    source: Source,
    *,
    chain: str | None,
    crop: str | None,
    deinterlace: bool,
    find_ffmpeg: Callable[[], Ffmpeg],
    runner: ProcessRunner,
    note: Callable[[str], None],
    files_of: Callable[[str], Sequence[Path]],
) -> Source:
    """Put what is asked for before a source: fields first, then the crop, then the user's chain.

    Args:
        source: As probed.
        chain: A user's own; None for none.
        crop: `W:H:X:Y` or `auto`; None for none.
        deinterlace: Whether to make frames of fields.
        find_ffmpeg: Finds the ffmpeg that runs the chain; called only when there is one.
        runner: Runs it.
        note: Told what was chosen, and what has nothing to do.
        files_of: Finds the files that a chain reads.

    Raises:
        UsageError: The crop does not fit, or ffmpeg does not take the chain.
        ToolNotFoundError: There is no ffmpeg.
    """
    steps: list[str] = []
    if deinterlace and source.interlaced:
        steps.append(_DEINTERLACE)
    elif deinterlace:
        note(f"The pictures of '{source.path}' are progressive, so --deinterlace does nothing.")
    if crop is not None:
        # Frames that were made of fields are cropped as any others.
        pictures = replace(source, interlaced=source.interlaced and not deinterlace)
        steps += _crop_steps(crop, pictures, find_ffmpeg, runner, note)
    if chain is not None:
        steps.append(checked_chain(chain, files_of(chain)))
    joined = ",".join(step for step in steps if step)
    return filter_source(source, joined, find_ffmpeg(), runner) if joined else source


def _crop_steps(
    crop: str,
    source: Source,
    find_ffmpeg: Callable[[], Ffmpeg],
    runner: ProcessRunner,
    note: Callable[[str], None],
) -> list[str]:
    box = parse_crop(crop)
    if box is not None:
        check_box(box, source)
        return [crop_filter(box)]
    box = find_picture(source, find_ffmpeg(), runner)
    if box is None:
        note(f"'{source.path}' has no black bars around its pictures, so nothing is cropped.")
        return []
    width, height, x, y = box
    note(
        f"The {source.resolution} pictures of '{source.path}' are cropped to {width}x{height} from "
        f"{x},{y} on (--crop {':'.join(map(str, box))})."
    )
    return [crop_filter(box)]
