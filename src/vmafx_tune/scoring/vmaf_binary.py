"""Scoring with Netflix's `vmaf` program.

It reads headerless files, so clips of any other kind are decoded into the work folder first.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.cpus import default_threads
from vmafx_tune.errors import (
    FrameCountMismatchError,
    ModelNotFoundError,
    OutputError,
    ScoringError,
    ToolError,
    ToolNotFoundError,
    ToolOutputError,
    VmafxTuneError,
)
from vmafx_tune.media.cleanup import scratch_folder, written_bytes
from vmafx_tune.media.ffmpeg import frame_counter
from vmafx_tune.media.pixel_formats import frame_size_bytes, pixel_format
from vmafx_tune.media.process import describe_exit
from vmafx_tune.model import Comparison, Resolution
from vmafx_tune.scoring.alignment import ScoringPlan, is_ready, plan_scoring
from vmafx_tune.scoring.ffmpeg_filter import (
    LOG_NAME,
    MODEL_NAME,
    check_run,
    decode_arguments,
    model_option,
)
from vmafx_tune.scoring.frame_log import read_frame_log
from vmafx_tune.scoring.metrics import blank_side, extractors_of, refuse_foreign
from vmafx_tune.scoring.models import BUILT_IN_MODELS, DEFAULT_MODEL, copy_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import Completed, ProcessRunner
    from vmafx_tune.model import ScoreRequest, ScoreSet, Source, VmafModel
    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.scoring.frame_log import FrameLog

__all__ = ["VmafBinaryScorer", "find_vmaf", "vmaf_arguments"]

_NAME = "vmaf"
_VARIABLE = "VMAFX_VMAF_BINARY"
_BLANK_SIDE = 64
_MODEL_REFUSED = re.compile(r"problem loading model|no such built-in model", re.IGNORECASE)
# The program shows no progress unless its stderr is a terminal, so a long run is not a stall.
_PATIENCE_S_PER_FRAME = 5.0


def find_vmaf(named: Path | None) -> Path:
    """Find the `vmaf` program.

    Args:
        named: A path, or a name to look up on `PATH`; None for `VMAFX_VMAF_BINARY`, or `vmaf` on
            `PATH`.

    Returns:
        Its absolute path.

    Raises:
        ToolNotFoundError: The program does not exist.
    """
    wanted = str(named or os.environ.get(_VARIABLE) or _NAME)
    found = shutil.which(wanted)
    if found is None:
        raise ToolNotFoundError(
            f"The program '{wanted}' does not exist or cannot be run. Set --vmaf or {_VARIABLE} "
            "to Netflix's vmaf, or use another --backend."
        )
    return Path(found).absolute()


def vmaf_arguments(
    clips: tuple[Path, Path],
    plan: ScoringPlan,
    model: VmafModel,
    *,
    threads: int,
    subsample: int,
    metrics: Sequence[str] = (),
) -> tuple[str, ...]:
    """Build the arguments of the `vmaf` program. Pure.

    Args:
        clips: Headerless files: reference and distorted.
        plan: Size and format of both.
        model: A custom one is expected as `model.json` in the working directory.
        threads: Worker threads.
        subsample: Score every n-th frame.
        metrics: What to compute beside VMAF.
    """
    layout = pixel_format(plan.pix_fmt)
    return (
        *("--reference", str(clips[0])),
        *("--distorted", str(clips[1])),
        *("--width", str(plan.size.width)),
        *("--height", str(plan.size.height)),
        *("--pixel_format", layout.chroma),
        *("--bitdepth", str(layout.bit_depth)),
        *("--model", model_option(model, plan.encode_facts)),
        *(part for name in extractors_of(metrics) for part in ("--feature", name)),
        *("--threads", str(threads)),
        *("--subsample", str(subsample)),
        *("--json", "--output", LOG_NAME),
        "--quiet",
    )


class VmafBinaryScorer:
    """Implements `ports.Scorer` with the `vmaf` program. Thread-safe.

    Args:
        vmaf: The program.
        find_ffmpeg: Finds the ffmpeg that decodes clips; called only when one must be decoded.
        runner: Runs both, and stops them.
        work_dir: Where scratch folders are made; None for the system's temporary folder. Decoded
            clips take `width * height * 1.5` bytes a frame there, twice that above 8 bits.
    """

    def __init__(
        self,
        vmaf: Path,
        find_ffmpeg: Callable[[], Ffmpeg],
        runner: ProcessRunner,
        work_dir: Path | None = None,
    ) -> None:
        self._vmaf = vmaf
        self._find_ffmpeg = find_ffmpeg
        self._runner = runner
        self._work_dir = work_dir
        self._lock = threading.Lock()
        self._version: str | None = None

    @property
    def name(self) -> str:
        """`vmaf`."""
        return _NAME

    @property
    def version(self) -> str:
        """Version of the libvmaf in it; the first use may score a blank frame.

        Empty where it cannot be found out.
        """
        with self._lock:
            if self._version is None:
                try:
                    self.require(BUILT_IN_MODELS[DEFAULT_MODEL])
                except (ScoringError, ToolError):
                    self._version = ""
            return self._version or ""

    def require(self, model: VmafModel, metrics: Sequence[str] = ()) -> None:
        """Make sure that the program can score with `model`, by scoring a blank frame.

        Args:
            model: What it must have.
            metrics: What it must be able to compute beside.

        Raises:
            ModelNotFoundError: It does not have the model.
            MetricUnavailableError: Only ffmpeg computes one of the metrics.
            ToolError: It fails otherwise, as where it lacks a metric.
        """
        refuse_foreign(metrics)
        side = max(model.min_side, _BLANK_SIDE, blank_side(metrics))
        size = Resolution(side * 2, side)
        pix_fmt = "yuv420p" if model.min_bit_depth == 8 else "yuv420p10le"
        plan = ScoringPlan(Comparison(pix_fmt, None, None, size.width, size.height))
        with scratch_folder(self._work_dir) as folder:
            blank = folder / "blank.yuv"
            _write(blank, bytes(frame_size_bytes(pix_fmt, size)))
            arguments = vmaf_arguments(
                (blank, blank), plan, model, threads=1, subsample=1, metrics=metrics
            )
            self._version = self._run(arguments, model, folder, n_frames=1).version

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score every `request.subsample`-th frame pair; see `ports.Scorer`.

        Progress is reported at the end only: the program shows none.

        Raises:
            UnreadableSourceError: A clip cannot be decoded to its end.
            FrameCountMismatchError: The clips differ in length.
            ModelNotFoundError: The program does not have the model.
            OutputError: The work folder cannot be written, or is full.
            ScoringError: libvmaf failed.
            ToolError: A program failed, or wrote a log that makes no sense.
            CancelledError: The work was cancelled.
        """
        refuse_foreign(request.metrics)
        plan = plan_scoring(request)
        with scratch_folder(self._work_dir) as folder:
            clips = (
                self._headerless(request.reference, plan, folder / "reference.yuv"),
                self._headerless(request.distorted, plan, folder / "distorted.yuv"),
            )
            n_frames = _count_frames(clips, plan, request)
            arguments = vmaf_arguments(
                clips,
                plan,
                request.model,
                threads=request.threads or default_threads(plan.size, plan.bit_depth, request.cpus),
                subsample=request.subsample,
                metrics=request.metrics,
            )
            log = self._run(arguments, request.model, folder, n_frames=n_frames)
        self._version = log.version
        if on_progress is not None:
            on_progress(n_frames)
        return log.score_set(request, n_frames, _NAME, plan.comparison)

    def _run(
        self, arguments: tuple[str, ...], model: VmafModel, folder: Path, *, n_frames: int
    ) -> FrameLog:
        copy_model(model, folder / MODEL_NAME)
        patience_s = max(self._runner.stall_timeout_s, n_frames * _PATIENCE_S_PER_FRAME)
        runner = self._runner.with_patience(patience_s)
        done = runner.run([str(self._vmaf), *arguments], cwd=folder)
        if done.returncode != 0:
            raise self._explain(done, model)
        try:
            return read_frame_log(folder / LOG_NAME, n_frames)
        except ToolOutputError as error:
            raise done.error(
                ToolOutputError,
                f"'{self._vmaf}' succeeded, but did not write a valid log.",
            ) from error

    def _explain(self, done: Completed, model: VmafModel) -> VmafxTuneError:
        if _MODEL_REFUSED.search(done.stderr):
            return ModelNotFoundError(
                f"'{self._vmaf}' does not have the VMAF model {model.path or model.name}. Use a "
                "newer one, another --backend, or another model."
            )
        return done.error(
            ToolError, f"'{self._vmaf}' failed while scoring ({describe_exit(done.returncode)})."
        )

    def _headerless(self, source: Source, plan: ScoringPlan, decoded: Path) -> Path:
        if is_ready(source, plan):
            return source.path.absolute()
        ffmpeg = self._find_ffmpeg()
        arguments = decode_arguments(source, plan, decoded.name)
        done = self._runner.run(
            [str(ffmpeg.path), *arguments],
            cwd=decoded.parent,
            progress=frame_counter(source.n_frames),
        )
        check_run(done, [source], None, ffmpeg.path, self._runner.cancel)
        if written_bytes(decoded) is None:
            raise done.error(
                ToolOutputError, f"'{ffmpeg.path}' succeeded, but did not write a decoded file."
            )
        return decoded


def _count_frames(clips: tuple[Path, Path], plan: ScoringPlan, request: ScoreRequest) -> int:
    frame_bytes = frame_size_bytes(plan.pix_fmt, plan.size)
    reference, distorted = (clip.stat().st_size // frame_bytes for clip in clips)
    if reference != distorted:
        raise FrameCountMismatchError(
            str(request.reference.path), reference, str(request.distorted.path), distorted
        )
    return reference


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(
            f"The work folder cannot be written: {error.strerror}. Free some space, or use "
            "another folder with --work-dir."
        ) from error
