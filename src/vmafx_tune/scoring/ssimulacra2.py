"""SSIMULACRA2, which the plugin vszip of VapourSynth computes; the extra `ssimulacra2` has both.

The only module that uses VapourSynth. Frames are decoded once more, here, by the plan that all
backends follow.
"""

from __future__ import annotations

import platform
from array import array
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmafx_tune.colours import DEFAULT_CHROMA_LOCATION
from vmafx_tune.cpus import default_threads
from vmafx_tune.errors import MetricUnavailableError, ScoringError
from vmafx_tune.formatting import counted
from vmafx_tune.media.frames import open_frames
from vmafx_tune.media.pixel_formats import CHROMA_STEPS, SPACES
from vmafx_tune.scoring.alignment import conversion, plan_scoring
from vmafx_tune.scoring.metrics import SSIMULACRA2

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.frames import PlanarFrame
    from vmafx_tune.model import ScoreRequest, ScoreSet
    from vmafx_tune.ports import FrameProgress, Scorer
    from vmafx_tune.scoring.alignment import ScoringPlan

__all__ = ["Ssimulacra2Scorer", "plugin_version", "require_plugin"]

_PROPERTY = "SSIMULACRA2"
_MATRICES = {name: number for number, name in SPACES.items()}
_BT709, _BT601 = "bt709", "smpte170m"
# Where no clip states its matrix, vszip goes by the height.
_BT709_FROM_LINES = 651
_LIMITED, _FULL = 0, 1
_CHROMA_LOCATIONS = {"left": 0, "center": 1, "topleft": 2, "top": 3}
# A clip of VapourSynth's has a length, and those of ours may not be what their headers say.
_ENDLESS = (1 << 31) - 1
# Measured: both pictures as RGB in floating point, before and after the transfer function, and the
# planes that vszip works in.
_BYTES_PER_PIXEL = 110
# VapourSynth would keep up to most of the memory for frames that are asked for again.
_CACHE_MIB = 256
_FRAMES_PER_REPORT = 8


def plugin_version() -> str | None:
    """Find out the version of vszip, such as `23.1`; None where it cannot be used."""
    try:
        import vapoursynth
    except ImportError:
        return None
    plugin = getattr(vapoursynth.core, "vszip", None)
    if plugin is None or not hasattr(plugin, _PROPERTY):
        return None
    return f"{plugin.version.major}.{plugin.version.minor}"


def require_plugin() -> None:
    """Make sure that SSIMULACRA2 can be computed here.

    Raises:
        MetricUnavailableError: VapourSynth or its plugin is not installed.
    """
    if plugin_version() is None:
        raise MetricUnavailableError(
            "SSIMULACRA2 needs VapourSynth and vszip, which are not installed: with Python 3.12 "
            f"or newer (this is {platform.python_version()}), run `pip install "
            "'vmafx-tune[ssimulacra2]'`."
        )


class Ssimulacra2Scorer:
    """Adds SSIMULACRA2 to what a backend gives. Implements `ports.Scorer`. Thread-safe.

    Args:
        backend: Scores VMAF and the other metrics.
        cancel: Stops all running comparisons.
    """

    def __init__(self, backend: Scorer, cancel: CancelToken) -> None:
        self._backend = backend
        self._cancel = cancel

    @property
    def name(self) -> str:
        """Name of the backend."""
        return self._backend.name

    @property
    def version(self) -> str:
        """Version of the backend's libvmaf."""
        return self._backend.version

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score every `request.subsample`-th frame pair; see `ports.Scorer`.

        The clips are gone through twice, so that progress is half of it each time.

        Raises:
            VmafxTuneError: Any of the backend's errors.
            ScoringError: VapourSynth failed.
            CancelledError: The work was cancelled.
        """
        report = on_progress or _ignore
        others = tuple(name for name in request.metrics if name != SSIMULACRA2)
        comparer = _Comparer(request)
        scores = self._backend.score(
            replace(request, metrics=others), on_progress=lambda frames: report(frames // 2)
        )
        n_frames = scores.n_frames
        values = comparer.compare(self._cancel, lambda frames: report((n_frames + frames) // 2))
        if len(values) != len(scores.frames):
            raise ScoringError(
                f"SSIMULACRA2 has {counted(len(values), 'frame')}, but VMAF has "
                f"{len(scores.frames)}. Leave out ssimulacra2, or score with --backend libvmaf, "
                "which decodes in the same way."
            )
        report(n_frames)
        return replace(scores, metrics={**scores.metrics, SSIMULACRA2: values})


def _ignore(_frames: int, /) -> None:
    pass


class _Comparer:
    """Compares the frames of two clips.

    VapourSynth asks for frames by their place, from its own threads, and gets those of the pairs
    that are being compared. It must not refer to this object, which would then stay for good.

    Args:
        request: The clips.

    Raises:
        ScoringError: VapourSynth cannot convert such frames.
    """

    def __init__(self, request: ScoreRequest) -> None:
        import vapoursynth

        self._request = request
        self._plan = plan_scoring(request)
        self._pairs: dict[int, tuple[PlanarFrame, PlanarFrame]] = {}
        vapoursynth.core.max_cache_size = _CACHE_MIB
        try:
            clips = [_rgb_clip(request, self._plan, self._pairs, place) for place in (0, 1)]
            self._scored = vapoursynth.core.vszip.SSIMULACRA2(*clips)
        except vapoursynth.Error as error:
            raise ScoringError(
                f"VapourSynth cannot convert these frames to RGB, which SSIMULACRA2 needs: {error} "
                "Leave out ssimulacra2."
            ) from error

    def compare(self, cancel: CancelToken, report: FrameProgress) -> array[float]:
        """Decode the clips and compare their frames; the backend has paired them to the end."""
        request, plan, values = self._request, self._plan, array("d")
        threads = request.threads or default_threads(
            plan.size, plan.bit_depth, request.cpus, bytes_per_pixel=_BYTES_PER_PIXEL
        )
        waiting: deque[tuple[int, Future[Any]]] = deque()
        with ExitStack() as stack:
            clips = [
                stack.enter_context(
                    open_frames(
                        source, filters=conversion(source, plan), threads=threads, cancel=cancel
                    )
                )
                for source in (request.reference, request.distorted)
            ]
            # Whatever happens, pictures are in use until they are compared.
            stack.callback(lambda: [future.exception() for _, future in waiting])
            for number, pair in enumerate(zip(*clips, strict=False)):
                if number % request.subsample:
                    continue
                place = number + 1
                self._pairs[place] = pair
                waiting.append((place, self._scored.get_frame_async(place)))
                if len(waiting) == threads:
                    values.append(self._first_of(waiting))
                if number % _FRAMES_PER_REPORT == 0:
                    report(number)
            while waiting:
                values.append(self._first_of(waiting))
        return values

    def _first_of(self, waiting: deque[tuple[int, Future[Any]]]) -> float:
        import vapoursynth

        place, future = waiting[0]
        try:
            with future.result() as frame:
                value = float(frame.props[_PROPERTY])
        except vapoursynth.Error as error:
            raise ScoringError(f"VapourSynth could not compare all frames: {error}") from error
        waiting.popleft()
        del self._pairs[place]
        return value


def _rgb_clip(
    request: ScoreRequest,
    plan: ScoringPlan,
    pairs: dict[int, tuple[PlanarFrame, PlanarFrame]],
    place: int,
) -> Any:
    """Make a clip of VapourSynth's that has the pictures of one clip as RGB.

    vszip would convert them itself, with the same result, but ends the process where it cannot.

    Args:
        request: The clips.
        plan: What they are converted to.
        pairs: Pictures by their place, from 1. The first place stays blank: VapourSynth and vszip
            look at it beforehand, and may keep it.
        place: Which one of each pair.
    """
    import vapoursynth as vs

    from vmafx_tune.scoring.libvmaf.handles import PictureFormat

    layout = PictureFormat.of(plan.size.width, plan.size.height, plan.pix_fmt)
    steps = CHROMA_STEPS[layout.chroma]
    # VapourSynth knows no half samples of chroma.
    missing = (-layout.width % steps[0], -layout.height % steps[1])
    shifts = (step.bit_length() - 1 for step in steps)
    blank = vs.core.std.BlankClip(
        format=vs.core.query_video_format(vs.YUV, vs.INTEGER, plan.bit_depth, *shifts).id,
        width=layout.width + missing[0],
        height=layout.height + missing[1],
        length=_ENDLESS,
        keep=True,
    )

    def filled(n: int, f: Any) -> Any:
        if n not in pairs:
            return f
        picture = f.copy()
        for number, rows in enumerate(layout.rows(pairs[n][place].planes, "picture")):
            _fill(picture[number], rows)
        return picture

    clip = blank.std.ModifyFrame(blank, filled).resize.Bicubic(
        format=vs.RGBS, **_colours(request, plan)
    )
    if any(missing):
        clip = clip.std.Crop(right=missing[0], bottom=missing[1])
    # Errors of a conversion come with its first frame.
    clip.get_frame(0).close()
    return clip


def _fill(plane: Any, rows: NDArray[np.uint8]) -> None:
    """Copy rows of bytes into a plane of VapourSynth's, and repeat the last samples to its end."""
    import numpy as np

    target = np.asarray(plane)
    samples = rows.view(target.dtype)
    height, width = samples.shape
    target[:height, :width] = samples
    target[:height, width:] = samples[:, -1:]
    target[height:] = target[height - 1]


def _colours(request: ScoreRequest, plan: ScoringPlan) -> dict[str, int]:
    """Say what planned samples mean, in arguments of VapourSynth's resizer."""
    guessed = _BT709 if plan.size.height >= _BT709_FROM_LINES else _BT601
    locations: Sequence[str | None] = (
        request.reference.chroma_location,
        request.distorted.chroma_location,
        DEFAULT_CHROMA_LOCATION,
    )
    return {
        "matrix_in": _MATRICES[plan.comparison.matrix or guessed],
        "range_in": _FULL if plan.comparison.range == "pc" else _LIMITED,
        "chromaloc_in": _CHROMA_LOCATIONS[next(filter(None, locations))],
    }
