"""Choosing the backend that scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from vmafx_tune.errors import (
    LibvmafNotFoundError,
    MetricUnavailableError,
    ModelNotFoundError,
    ToolNotFoundError,
    UsageError,
    VmafxTuneError,
)
from vmafx_tune.ports import Scorer
from vmafx_tune.scoring.metrics import SSIMULACRA2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.file_facts import FileFacts
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import ScoreRequest, ScoreSet, VmafModel
    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.scoring.reference_copies import ReferenceCopies

T = TypeVar("T")

__all__ = ["AUTO", "BACKENDS", "CheckedScorer", "choose_scorer", "pick"]

AUTO = "auto"
BACKENDS = ("libvmaf", "ffmpeg", "vmaf")
"""Names of the backends; `auto` chooses among them."""

# libvmaf in ffmpeg is usually newer than the shared library, and up to twice as fast.
_FASTEST_FIRST = ("ffmpeg", "libvmaf", "vmaf")


class CheckedScorer(Scorer, Protocol):
    """A scorer that can say beforehand whether it has a model and metrics."""

    def require(self, model: VmafModel, metrics: Sequence[str] = ()) -> None:
        """Make sure that the backend can score with `model`, and compute `metrics` beside.

        Raises:
            ModelNotFoundError: It does not have the model.
            MetricUnavailableError: It cannot compute a metric.
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
    at_once: bool = False,
    copies: Callable[[], ReferenceCopies] | None = None,
    facts: FileFacts | None = None,
    metrics: Sequence[str] = (),
) -> Scorer:
    """Make the scorer that the user asked for, or the fastest that has the model.

    Args:
        backend: `libvmaf`, `ffmpeg`, `vmaf`, or `auto`.
        model: What it must be able to score with.
        find_ffmpeg: Finds ffmpeg; called only for a backend that needs it.
        runner: Runs programs; its token cancels every scorer.
        vmaf: The `vmaf` program; None where there is none, which `auto` then passes over.
        work_dir: Where scratch folders are made; None for the system's temporary folder.
        at_once: Whether scoring is all there is to do and starts right away. The model is then
            not tried beforehand: scoring itself raises the same errors.
        copies: Returns what keeps references decoded, called by a backend that can read them; None
            decodes each time.
        facts: Cached facts about programs; None for none.
        metrics: What it must be able to compute beside VMAF.

    Raises:
        UsageError: There is no such backend, or `vmaf` is asked for without naming the program.
        ModelNotFoundError: The backend, or with `auto` each of them, lacks the model.
        MetricUnavailableError: It lacks a metric, likewise.
        ToolNotFoundError: The program is not there.
        LibvmafNotFoundError: The library is not there.
    """

    def ffmpeg_scorer() -> CheckedScorer:
        from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer

        return FfmpegScorer(find_ffmpeg(), runner, work_dir, copies=copies, facts=facts)

    def libvmaf_scorer() -> CheckedScorer:
        from vmafx_tune.scoring.libvmaf.session import LibvmafFileScorer

        return LibvmafFileScorer(runner.cancel)

    def vmaf_scorer() -> CheckedScorer:
        from vmafx_tune.scoring.vmaf_binary import VmafBinaryScorer, find_vmaf

        return VmafBinaryScorer(find_vmaf(vmaf), find_ffmpeg, runner, work_dir)

    makers = {"ffmpeg": ffmpeg_scorer, "libvmaf": libvmaf_scorer, "vmaf": vmaf_scorer}
    if backend == AUTO and vmaf is None:
        del makers["vmaf"]

    def choose(metrics: Sequence[str]) -> Scorer:
        if at_once and backend == AUTO:
            return _FirstThatWorks(makers)
        return pick(backend, model, makers, metrics)

    if SSIMULACRA2 not in metrics:
        return choose(metrics)
    from vmafx_tune.scoring.ssimulacra2 import Ssimulacra2Scorer, require_plugin

    require_plugin()
    others = [name for name in metrics if name != SSIMULACRA2]
    return Ssimulacra2Scorer(choose(others), runner.cancel)


def pick(
    backend: str,
    model: VmafModel,
    makers: Mapping[str, Callable[[], CheckedScorer]],
    metrics: Sequence[str] = (),
) -> CheckedScorer:
    """Make and check scorers until one can be used; see `choose_scorer`.

    Args:
        backend: One of the names in `makers`, or `auto` for all of them, fastest first.
        model: What the scorer must be able to score with.
        makers: Make each backend's scorer.
        metrics: What it must be able to compute beside.
    """
    if backend == AUTO:
        return _first_usable(model, makers, lambda scorer: _require(scorer, model, metrics))
    if backend not in makers:
        raise UsageError(
            f"Unknown backend '{backend}'. Choose one of {', '.join((AUTO, *BACKENDS))}."
        )
    return _require(makers[backend](), model, metrics)


class _FirstThatWorks:
    """Scores with the first of several backends that can, found out by scoring."""

    def __init__(self, makers: Mapping[str, Callable[[], CheckedScorer]]) -> None:
        self._makers = makers
        self._used: CheckedScorer | None = None

    @property
    def name(self) -> str:
        """Name of the backend that scored; `auto` before that."""
        return self._used.name if self._used else AUTO

    @property
    def version(self) -> str:
        """Version of its libvmaf; empty before it scored."""
        return self._used.version if self._used else ""

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score with the first backend that has its program and the model."""

        def score(scorer: CheckedScorer) -> ScoreSet:
            self._used = scorer
            return scorer.score(request, on_progress=on_progress)

        return _first_usable(request.model, self._makers, score)


def _require(scorer: CheckedScorer, model: VmafModel, metrics: Sequence[str]) -> CheckedScorer:
    scorer.require(model, metrics)
    return scorer


_ABSENCES = (
    ModelNotFoundError,
    MetricUnavailableError,
    ToolNotFoundError,
    LibvmafNotFoundError,
)


def _first_usable(
    model: VmafModel,
    makers: Mapping[str, Callable[[], CheckedScorer]],
    use: Callable[[CheckedScorer], T],
) -> T:
    failures: dict[str, VmafxTuneError] = {}
    for name in _FASTEST_FIRST:
        if name not in makers:
            continue
        try:
            return use(makers[name]())
        except _ABSENCES as error:
            failures[name] = error
    if len(failures) == 1:
        raise next(iter(failures.values()))
    reasons = " ".join(f"{name}: {error}" for name, error in failures.items())
    if any(isinstance(error, MetricUnavailableError) for error in failures.values()):
        raise MetricUnavailableError(f"No backend can compute all of the metrics. {reasons}")
    raise ModelNotFoundError(f"No backend can score with {model.name}. {reasons}")
