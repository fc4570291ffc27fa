"""Finds the cuts of a source: the only module that uses PySceneDetect, of the extra `shots`."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.media.frames import open_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.model import Source
    from vmafx_tune.ports import FrameProgress

__all__ = ["HOW_TO_INSTALL", "can_detect", "detector_name", "find_cuts", "require_detector"]

HOW_TO_INSTALL = (
    "--per-shot needs PySceneDetect, which is not installed. Run `pip install 'vmafx-tune[shots]'`."
)
"""What to tell a user whose sources cannot be cut."""

_PACKAGE = "scenedetect"
_DISTRIBUTIONS = ("scenedetect-headless", "scenedetect")
# As PySceneDetect's own: large enough for its thresholds, which are means over a picture.
_LONG_SIDE = 256
_SHORTEST_SIDE = 8


def can_detect() -> bool:
    """Whether cuts can be found here."""
    return find_spec(_PACKAGE) is not None


def require_detector() -> None:
    """Make sure that cuts can be found.

    Raises:
        ToolNotFoundError: The extra is not installed.
    """
    if not can_detect():
        raise ToolNotFoundError(HOW_TO_INSTALL)


def detector_name() -> str:
    """Name what finds cuts, with its version: another one may find others."""
    from importlib.metadata import PackageNotFoundError

    for distribution in _DISTRIBUTIONS:
        try:
            return f"{_PACKAGE} {version(distribution)} adaptive"
        except PackageNotFoundError:
            continue
    return f"{_PACKAGE} adaptive"


def find_cuts(
    source: Source, cancel: CancelToken, on_progress: FrameProgress | None = None
) -> tuple[int, ...]:
    """Find the first frames of all shots but the first one.

    The frames are those that encoders get: decoded here, filtered, each counted once. A cut is
    where a picture differs from the one before by far more than its neighbours differ from each
    other, so that a moving camera makes none (PySceneDetect's `AdaptiveDetector`).

    Args:
        source: The clip.
        cancel: Ends it early.
        on_progress: Told of the frames that are looked at.

    Returns:
        Frame numbers from 1 up, ascending.

    Raises:
        UnreadableSourceError: The source is damaged.
        CancelledError: The work was cancelled.
    """
    from scenedetect import AdaptiveDetector, FrameTimecode

    # Of what is too short, `shots_between` makes up its mind.
    detector = AdaptiveDetector(min_scene_len=1)
    rate, cuts, last = float(source.frame_rate), set[int](), FrameTimecode(0, 25.0)
    with open_frames(source, filters=_small(source), cancel=cancel) as frames:
        for frame in frames:
            last = FrameTimecode(frame.index, rate)
            found = detector.process_frame(last, frame.owner.to_ndarray())
            cuts.update(cut.frame_num for cut in found)
            if on_progress is not None:
                on_progress(frame.index + 1)
    cuts.update(cut.frame_num for cut in detector.post_process(last))
    return tuple(sorted(cuts))


def _small(source: Source) -> tuple[tuple[str, Mapping[str, str]], ...]:
    size = source.resolution
    scale = min(1.0, _LONG_SIDE / max(size.width, size.height))
    width, height = (
        str(max(_SHORTEST_SIDE, round(side * scale))) for side in (size.width, size.height)
    )
    return (
        ("scale", {"w": width, "h": height, "flags": "area"}),
        ("format", {"pix_fmts": "bgr24"}),
    )
