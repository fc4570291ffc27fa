"""Scoring with ffmpeg's libvmaf filter: one process decodes, scales and compares."""

from __future__ import annotations

import shutil
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING

from vmafx_tune.cpus import default_threads
from vmafx_tune.errors import (
    FrameCountMismatchError,
    OutputError,
    ScoringError,
    ToolError,
    ToolOutputError,
    UnreadableSourceError,
    VmafxTuneError,
)
from vmafx_tune.formatting import counted
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.media.ffmpeg import fact_name, frame_counter
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.scoring.alignment import is_ready, plan_scoring
from vmafx_tune.scoring.ffmpeg_filter import (
    LOG_NAME,
    MODEL_NAME,
    XPSNR_LOG_NAME,
    check_run,
    decoded_inputs,
    is_one_clip,
    is_part,
    libvmaf_complaint,
    model_check_arguments,
    score_arguments,
    written_frames,
)
from vmafx_tune.scoring.frame_log import read_frame_log
from vmafx_tune.scoring.metrics import filter_only
from vmafx_tune.scoring.models import BUILT_IN_MODELS, DEFAULT_MODEL, copy_model
from vmafx_tune.scoring.xpsnr_log import read_xpsnr_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import Completed, ProcessRunner
    from vmafx_tune.model import ScoreRequest, ScoreSet, Source, VmafModel
    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.scoring.alignment import ScoringPlan
    from vmafx_tune.scoring.frame_log import FrameLog
    from vmafx_tune.scoring.reference_copies import ReferenceCopies, ReferenceCopy

__all__ = ["FfmpegScorer"]

_NAME = "ffmpeg"
_SPARE_BYTES = 1 << 16


class FfmpegScorer:
    """Implements `ports.Scorer` with ffmpeg's `libvmaf` filter. Thread-safe.

    Args:
        ffmpeg: The ffmpeg to use.
        runner: Runs it, watches it and stops it.
        work_dir: Where scratch folders are made; None for the system's temporary folder.
        copies: Returns what keeps references decoded, for many scores against the same; None
            decodes each time.
        facts: Cached facts about programs, such as which models an ffmpeg has; None for none.
    """

    def __init__(
        self,
        ffmpeg: Ffmpeg,
        runner: ProcessRunner,
        work_dir: Path | None = None,
        *,
        copies: Callable[[], ReferenceCopies] | None = None,
        facts: FileFacts | None = None,
    ) -> None:
        self._ffmpeg = ffmpeg
        self._runner = runner
        self._work_dir = work_dir
        self._copies = copies
        self._facts = facts or FileFacts()
        self._lock = threading.Lock()
        self._checked: dict[tuple[VmafModel, tuple[str, ...]], VmafxTuneError | None] = {}
        self._version: str | None = None

    @property
    def name(self) -> str:
        """`ffmpeg`."""
        return _NAME

    @property
    def version(self) -> str:
        """Version of the libvmaf in this ffmpeg, which is often a commit: `git-86da14d`.

        Empty where it cannot be found out. The first use may run ffmpeg on one blank frame.
        """
        if self._version is None:
            self._check(BUILT_IN_MODELS[DEFAULT_MODEL])
        return self._version or ""

    def require(self, model: VmafModel, metrics: Sequence[str] = ()) -> None:
        """Make sure that this ffmpeg can score with `model`: from the cache, or on a blank frame.

        Args:
            model: What it must have.
            metrics: What it must be able to compute beside.

        Raises:
            ModelNotFoundError: Its libvmaf does not have the model.
            MetricUnavailableError: It cannot compute a metric.
            ToolNotFoundError: It has no libvmaf.
            CancelledError: The runner is cancelled.
        """

        def find() -> str:
            error = self._check(model, tuple(metrics))
            if error is not None:
                raise error
            return self.version

        content = "" if model.path is None else self._facts.digest(model.path)
        name = fact_name(self._ffmpeg, "scores with", repr(model), content, *metrics)
        self._version = self._facts.of(self._ffmpeg.path, name, find)

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score every `request.subsample`-th frame pair; see `ports.Scorer`.

        Raises:
            UnreadableSourceError: A clip cannot be decoded to its end.
            FrameCountMismatchError: The clips differ in length.
            ModelNotFoundError: This ffmpeg does not have the model.
            OutputError: The work folder cannot be written.
            ScoringError: libvmaf failed.
            ToolError: ffmpeg failed, stalled, or wrote a log that makes no sense.
            CancelledError: The work was cancelled.
        """
        plan = plan_scoring(request)
        with self._copy(request, plan) as copy:
            try:
                return self._score(request, plan, copy, on_progress)
            except OutputError:
                if copy is None or copy.is_made:
                    raise
                # The copy may be what does not fit.
                copy.discard()
        return self._score(request, plan, None, on_progress)

    def _copy(
        self, request: ScoreRequest, plan: ScoringPlan
    ) -> AbstractContextManager[ReferenceCopy | None]:
        if self._copies is None or is_one_clip(request) or is_ready(request.reference, plan):
            return nullcontext()
        return self._copies().of(request.reference, plan)

    def _score(
        self,
        request: ScoreRequest,
        plan: ScoringPlan,
        copy: ReferenceCopy | None,
        on_progress: FrameProgress | None,
    ) -> ScoreSet:
        threads = request.threads or default_threads(plan.size, plan.bit_depth, request.cpus)
        arguments = score_arguments(request, plan, threads=threads, copy=copy)
        with scratch_folder(self._work_dir) as folder:
            clips = (request.reference, request.distorted)
            counter = frame_counter(max(clip.n_frames for clip in clips), on_progress)
            done = self._run(arguments, request.model, folder, counter, clips)
            counted = _count_frames(done, request)
            log = _read_log(folder, done, max(clip.n_frames for clip in clips))
            filtered = {}
            if filter_only(request.metrics):
                filtered = _read_xpsnr(folder, done, log.indices)
        self._version = log.version
        n_frames = _declared_frames(log, request) if counted is None else counted
        return log.score_set(request, n_frames, _NAME, plan.comparison, filtered)

    def _check(self, model: VmafModel, metrics: tuple[str, ...] = ()) -> VmafxTuneError | None:
        with self._lock:
            if (model, metrics) not in self._checked:
                self._checked[model, metrics] = self._try(model, metrics)
            return self._checked[model, metrics]

    def _try(self, model: VmafModel, metrics: tuple[str, ...]) -> VmafxTuneError | None:
        with scratch_folder(self._work_dir) as folder:
            try:
                done = self._run(model_check_arguments(model, metrics), model, folder, None)
                self._version = _read_log(folder, done, n_frames=1).version
            except (ScoringError, ToolError) as error:
                return error
        return None

    def _run(
        self,
        arguments: tuple[str, ...],
        model: VmafModel,
        folder: Path,
        progress: Callable[[str], bool] | None,
        clips: tuple[Source, ...] = (),
    ) -> Completed:
        copy_model(model, folder / MODEL_NAME)
        done = self._runner.run([str(self._ffmpeg.path), *arguments], cwd=folder, progress=progress)
        check_run(done, clips, model, self._ffmpeg.path, self._runner.cancel)
        return done


def _count_frames(done: Completed, request: ScoreRequest) -> int | None:
    """Count the frame pairs, or return None where this ffmpeg does not say.

    The filter itself would pair a clip's last frame with all that the longer one has left.
    """
    decoded = decoded_inputs(done.stderr_tail)
    distorted, reference = decoded.get(0), decoded.get(0 if is_one_clip(request) else 1)
    if distorted is None or reference is None:
        return None
    if is_part(request):
        return _count_pairs(done, request)
    if reference.frames != distorted.frames:
        raise _lengths_differ(request, reference.frames, distorted.frames)
    return reference.frames


def _count_pairs(done: Completed, request: ScoreRequest) -> int | None:
    """Count the pairs of clips of which one is an excerpt, and so no longer than it says."""
    reference, distorted = request.reference.n_frames, request.distorted.n_frames
    pairs = written_frames(done.stderr_tail)
    if pairs is None:
        return None
    if reference != distorted:
        raise _lengths_differ(request, reference, distorted)
    if pairs != reference:
        raise UnreadableSourceError(
            f"Of {counted(reference, 'frame')} of '{request.reference.path}' and "
            f"'{request.distorted.path}', only {pairs} could be compared. One of them is damaged "
            "or cut short."
        )
    return pairs


def _lengths_differ(request: ScoreRequest, reference: int, distorted: int) -> VmafxTuneError:
    return FrameCountMismatchError(
        str(request.reference.path), reference, str(request.distorted.path), distorted
    )


def _read_log(folder: Path, done: Completed, n_frames: int) -> FrameLog:
    try:
        return read_frame_log(folder / LOG_NAME, n_frames)
    except ToolOutputError as error:
        raise _explain_log(folder, done) from error


def _read_xpsnr(
    folder: Path, done: Completed, indices: Sequence[int]
) -> dict[str, Sequence[float]]:
    try:
        return read_xpsnr_log(folder / XPSNR_LOG_NAME, indices)
    except ToolOutputError as error:
        raise done.error(
            ToolOutputError, "ffmpeg succeeded, but did not write a valid log of XPSNR."
        ) from error


def _explain_log(folder: Path, done: Completed) -> VmafxTuneError:
    # ffmpeg ends with status 0 although libvmaf failed, or could not write its log.
    if complaint := libvmaf_complaint(f"{done.stderr}\n{done.stderr_tail}"):
        return ScoringError(f"libvmaf could not score these clips: {complaint}.")
    if not folder.is_dir():
        return OutputError(
            "The work folder was removed while ffmpeg scored. Use another one with --work-dir."
        )
    if shutil.disk_usage(folder).free < _SPARE_BYTES:
        return OutputError(
            "The work folder is full: libvmaf could not write its log. Free some space, or use "
            "another folder with --work-dir."
        )
    return done.error(ToolOutputError, "ffmpeg succeeded, but did not write a valid libvmaf log.")


def _declared_frames(log: FrameLog, request: ScoreRequest) -> int:
    """Hold the log's length, which is the longer clip's, against what the containers declare."""
    reference, distorted = request.reference.n_frames, request.distorted.n_frames
    if reference != distorted:
        raise _lengths_differ(request, reference, distorted)
    if len(log.indices) != len(range(0, reference, request.subsample)):
        raise ToolOutputError(
            f"libvmaf compared {counted(len(log.indices), 'frame')}, but both containers declare "
            f"{reference}, and this ffmpeg does not say which clip is longer. Use another "
            "ffmpeg, or --backend libvmaf."
        )
    return reference
