"""Which backend scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vmafx_tune.errors import (
    LibvmafNotFoundError,
    ModelNotFoundError,
    ToolNotFoundError,
    UsageError,
    VmafxTuneError,
)
from vmafx_tune.ports import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import VmafModel

__all__ = ["AUTO", "BACKENDS", "CheckedScorer", "choose_scorer", "pick"]

AUTO = "auto"
BACKENDS = ("libvmaf", "ffmpeg", "vmaf")
"""Names of the backends; `auto` chooses among them."""

# libvmaf in ffmpeg is usually newer than the shared library, and up to twice as fast.
_FASTEST_FIRST = ("ffmpeg", "libvmaf", "vmaf")


class CheckedScorer(Scorer, Protocol):
    """A scorer that can say beforehand whether it has a model."""

    def require_model(self, model: VmafModel) -> None:
        """Make sure that the backend can score with `model`.

        Raises:
            ModelNotFoundError: It does not have the model.
            VmafxTuneError: It cannot score at all.
        """
        ...


def choose_scorer(
    backend: str,
    model: VmafModel,
    *,
    find_ffmpeg: Callable[[], Ffmpeg],
    runner: ProcessRunner,
    vmaf: Path | None = None,
    work_dir: Path | None = None,
) -> CheckedScorer:
    """Make the scorer that the user asked for, or the fastest that has the model.

    Args:
        backend: `libvmaf`, `ffmpeg`, `vmaf`, or `auto`.
        model: What it must be able to score with.
        find_ffmpeg: Finds ffmpeg; called only for a backend that needs it.
        runner: Runs programs; its token cancels every scorer.
        vmaf: The `vmaf` program; None where there is none, which `auto` then passes over.
        work_dir: Where scratch folders are made; None for the system's temporary folder.

    Raises:
        UsageError: There is no such backend, or `vmaf` is asked for without naming the program.
        ModelNotFoundError: The backend, or with `auto` each of them, lacks the model.
        ToolNotFoundError: The program is not there.
        LibvmafNotFoundError: The library is not there.
    """

    def ffmpeg_scorer() -> CheckedScorer:
        from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer

        return FfmpegScorer(find_ffmpeg(), runner, work_dir)

    def libvmaf_scorer() -> CheckedScorer:
        from vmafx_tune.scoring.libvmaf.backend import LibvmafFileScorer

        return LibvmafFileScorer(runner.cancel)

    def vmaf_scorer() -> CheckedScorer:
        from vmafx_tune.scoring.vmaf_binary import VmafBinaryScorer, find_vmaf

        return VmafBinaryScorer(find_vmaf(vmaf), find_ffmpeg, runner, work_dir)

    makers = {"ffmpeg": ffmpeg_scorer, "libvmaf": libvmaf_scorer, "vmaf": vmaf_scorer}
    if backend == AUTO and vmaf is None:
        del makers["vmaf"]
    return pick(backend, model, makers)


def pick(
    backend: str, model: VmafModel, makers: Mapping[str, Callable[[], CheckedScorer]]
) -> CheckedScorer:
    """Make and check scorers until one can be used; see `choose_scorer`.

    Args:
        backend: One of the names in `makers`, or `auto` for all of them, fastest first.
        model: What the scorer must be able to score with.
        makers: Make each backend's scorer.
    """
    if backend == AUTO:
        return _first_usable(model, makers)
    if backend not in makers:
        raise UsageError(
            f"Unknown backend '{backend}'. Choose one of {', '.join((AUTO, *BACKENDS))}."
        )
    return _checked(makers[backend], model)


def _checked(maker: Callable[[], CheckedScorer], model: VmafModel) -> CheckedScorer:
    scorer = maker()
    scorer.require_model(model)
    return scorer


def _first_usable(
    model: VmafModel, makers: Mapping[str, Callable[[], CheckedScorer]]
) -> CheckedScorer:
    failures: dict[str, VmafxTuneError] = {}
    for name in _FASTEST_FIRST:
        if name not in makers:
            continue
        try:
            return _checked(makers[name], model)
        except (ModelNotFoundError, ToolNotFoundError, LibvmafNotFoundError) as error:
            failures[name] = error
    if len(failures) == 1:
        raise next(iter(failures.values()))
    reasons = " ".join(f"{name}: {error}" for name, error in failures.items())
    raise ModelNotFoundError(f"No backend can score with {model.name}. {reasons}")
