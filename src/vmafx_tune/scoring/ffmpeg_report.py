"""What ffmpeg prints of a scoring run: frame counts, damage, and why it failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.errors import (
    ModelNotFoundError,
    OutputError,
    ScoringError,
    ToolError,
    ToolNotFoundError,
    UnreadableSourceError,
    VmafxTuneError,
)
from vmafx_tune.media.damage import require_intact
from vmafx_tune.media.ffmpeg import is_disk_full
from vmafx_tune.media.frames import check_steady

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.process import Completed
    from vmafx_tune.model import Source, VmafModel

__all__ = [
    "DecodedInput",
    "check_run",
    "decoded_inputs",
    "explain_failure",
    "libvmaf_complaint",
    "shows_damage",
    "written_frames",
]

_DECODED = re.compile(
    r"Input stream #(?P<file>\d+):\d+ \(video\):[^\n]*?; (?P<frames>\d+) frames decoded"
    r"(?:; (?P<errors>\d+) decode errors)?"
)
_CHANGED = re.compile(r"Reconfiguring filter graph because video parameters changed")
_WRITTEN = re.compile(r"Output stream #0:0 \(video\): (?P<frames>\d+) frames encoded")
_DAMAGE = re.compile(
    r"corrupt decoded frame|CRC mismatch|\berror count: \d|[1-9]\d* decode errors"
    r"|Error (?:while decoding stream|submitting packet to decoder)"
)
_MODEL_REFUSED = re.compile(r"could not load libvmaf model|no such built-in model")
_NO_FILTER = re.compile(r"No such filter: '?libvmaf|Filter not found")
# Since ffmpeg 6.1: the name and the reason on lines of their own; before, on one.
_INPUT_NAME = re.compile(r"Error opening input file (?:file:)?(?P<name>.+)\.$", re.MULTILINE)
_INPUT_REASON = re.compile(r"Error opening input(?: files)?: (?P<reason>.+)")
# These two are held to the beginnings of lines: tried at each letter of a line of a megabyte, they
# would take hours.
_INPUT_REFUSED = re.compile(
    r"^[^/\n]*(?P<name>/.*): (?P<reason>Invalid data found when processing input"
    r"|No such file or directory|Permission denied|Is a directory)",
    re.MULTILINE,
)
_NO_VIDEO = re.compile(r"^.*(?:matches no streams|does not contain any stream).*", re.MULTILINE)
_LIBVMAF = re.compile(
    r"libvmaf ERROR (?P<own>.*)|\[Parsed_libvmaf\S* @ \S+\] (?P<filter>problem .*)"
)


@dataclass(frozen=True, slots=True)
class DecodedInput:
    """What ffmpeg decoded of one input.

    Attributes:
        frames: Pictures that came out of the decoder.
        errors: Packets that the decoder refused; 0 with an ffmpeg that does not count them.
    """

    frames: int
    errors: int


def decoded_inputs(stderr: str) -> dict[int, DecodedInput]:
    """Read the closing statistics of `-v verbose`.

    Args:
        stderr: What ffmpeg printed, or its last lines.

    Returns:
        The first decoded video stream of each input, by the input's number; inputs that ffmpeg
        does not account for are missing.
    """
    found: dict[int, DecodedInput] = {}
    for match in _DECODED.finditer(stderr):
        counted = DecodedInput(frames=int(match["frames"]), errors=int(match["errors"] or 0))
        found.setdefault(int(match["file"]), counted)
    return found


def written_frames(stderr: str) -> int | None:
    """Read from the closing statistics of `-v verbose` how many pictures came out of the filters.

    Args:
        stderr: What ffmpeg printed, or its last lines.

    Returns:
        None where ffmpeg does not say.
    """
    match = _WRITTEN.search(stderr)
    return None if match is None else int(match["frames"])


def check_run(
    done: Completed,
    clips: Iterable[Source],
    model: VmafModel | None,
    ffmpeg: Path,
    cancel: CancelToken,
) -> None:
    """Refuse a run that read damaged clips, or did not work.

    Args:
        done: The run.
        clips: What it read; they are looked at where ffmpeg hints at damage.
        model: What it was to score with; None where it was only to decode.
        ffmpeg: The program.
        cancel: Stops the look.

    Raises:
        UnreadableSourceError: A clip is damaged, or its pictures change in size or format.
        VmafxTuneError: ffmpeg failed.
    """
    text = f"{done.stderr}\n{done.stderr_tail}"
    damaged, changed = shows_damage(text), _CHANGED.search(text)
    for clip in clips:
        if damaged:
            require_intact(clip, cancel)
        if changed:
            # ffmpeg does not say where, and has started libvmaf again.
            check_steady(clip, cancel)
    if done.returncode != 0:
        raise explain_failure(done, model, ffmpeg)


def shows_damage(stderr: str) -> bool:
    """Tell whether a clip may be damaged.

    It may also be a clip that was cut out of a longer one, so the caller has to look closer.

    Args:
        stderr: What ffmpeg printed at `-v verbose`.
    """
    return _DAMAGE.search(stderr) is not None


def libvmaf_complaint(stderr: str) -> str | None:
    """Find the first thing that libvmaf or its filter complained of; None if there is none.

    libvmaf's threads swallow the errors of its feature extractors, so that ffmpeg may well end
    with status 0 after one.
    """
    match = _LIBVMAF.search(stderr)
    return None if match is None else (match["own"] or match["filter"]).strip()


def explain_failure(done: Completed, model: VmafModel | None, ffmpeg: Path) -> VmafxTuneError:
    """Turn a run that ended with an error into the error to raise.

    Args:
        done: The run; its exit status is not 0.
        model: What it was to score with; None where it was only to decode.
        ffmpeg: The program.
    """
    text = f"{done.stderr}\n{done.stderr_tail}"
    if model is not None and _MODEL_REFUSED.search(text):
        return ModelNotFoundError(_model_refused(model, ffmpeg))
    if _NO_FILTER.search(text):
        return done.error(
            ToolNotFoundError,
            f"'{ffmpeg}' was built without libvmaf. Use another ffmpeg with --ffmpeg, or "
            "--backend libvmaf.",
        )
    if is_disk_full(text, done.returncode):
        return OutputError(
            "The work folder is full: ffmpeg could not write to it. Free some space, or use "
            "another folder with --work-dir."
        )
    if refused := _input_refused(text):
        return UnreadableSourceError(refused)
    if complaint := libvmaf_complaint(text):
        return ScoringError(f"libvmaf could not score these clips: {complaint}.")
    task = "decoding" if model is None else "scoring"
    return done.error(ToolError, f"ffmpeg failed while {task} ({_ending(done.returncode)}).")


def _model_refused(model: VmafModel, ffmpeg: Path) -> str:
    if model.path is not None:
        return f"The libvmaf in '{ffmpeg}' cannot use the model file '{model.path}'."
    return (
        f"The libvmaf in '{ffmpeg}' does not have the model {model.name}. Use a newer ffmpeg, or "
        "another model."
    )


def _input_refused(text: str) -> str | None:
    name, reason = _INPUT_NAME.search(text), _INPUT_REASON.search(text)
    if name and reason:
        return f"'{name['name']}' cannot be read: {reason['reason']}."
    if refused := _INPUT_REFUSED.search(text):
        return f"'{refused['name']}' cannot be read: {refused['reason']}."
    if no_video := _NO_VIDEO.search(text):
        return f"A clip has no video stream; ffmpeg says: {no_video[0].strip()}"
    return None


def _ending(returncode: int) -> str:
    return f"killed by signal {-returncode}" if returncode < 0 else f"exit status {returncode}"
