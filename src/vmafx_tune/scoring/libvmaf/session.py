"""Scoring pictures from memory, pair by pair, and files by decoding them into memory."""

from __future__ import annotations

import ctypes
import math
import weakref
from contextlib import ExitStack
from dataclasses import field
from typing import TYPE_CHECKING, Self

from vmafx_tune.cpus import default_threads
from vmafx_tune.errors import (
    FrameCountMismatchError,
    LibvmafCallError,
    ScoringError,
    UnreadableSourceError,
    UsageError,
)
from vmafx_tune.frozen import frozen
from vmafx_tune.media.frames import open_frames
from vmafx_tune.model import Resolution, ScoreSet, VmafModel
from vmafx_tune.scoring.alignment import conversion, plan_scoring
from vmafx_tune.scoring.frame_log import FrameColumns
from vmafx_tune.scoring.libvmaf.handles import (
    PictureFormat,
    feature_names,
    open_context,
    open_model,
    read_pair,
    use_metrics,
)
from vmafx_tune.scoring.libvmaf.library import Libvmaf, load_libvmaf
from vmafx_tune.scoring.metrics import check_metric_sizes, columns_of, parse_metrics
from vmafx_tune.scoring.models import check_frame_score, check_picture_size, resolve_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.frames import PlanarFrame
    from vmafx_tune.model import ScoreRequest, Source
    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.scoring.alignment import EncodeFacts, ScoringPlan
    from vmafx_tune.scoring.libvmaf.handles import PlaneLike

__all__ = [
    "FrameScore",
    "LibvmafFileScorer",
    "LibvmafScorer",
]


@frozen
class FrameScore:
    """One compared pair of pictures.

    Attributes:
        index: Number of the pair, from 0.
        vmaf: VMAF points.
        features: Value of each elementary feature by its log name; NaN where libvmaf has none.
        metrics: Value of each column of the metrics that were asked for, by the names of results.
    """

    index: int
    vmaf: float
    features: Mapping[str, float]
    metrics: Mapping[str, float] = field(default_factory=dict)


class LibvmafScorer:
    """Scores pictures that are fed to it: one libvmaf context. Made with `open`.

    Not thread-safe: a scorer belongs to one thread at a time. Any number of scorers may run side
    by side.

    Example:
        >>> with LibvmafScorer.open(1920, 1080, "yuv420p") as scorer:  # doctest: +SKIP
        ...     for reference, distorted in pairs:
        ...         for frame in scorer.feed(reference, distorted):
        ...             print(frame.index, frame.vmaf)
        ...     rest = scorer.finish()
    """

    def __init__(
        self,
        library: Libvmaf,
        layout: PictureFormat,
        model: VmafModel,
        *,
        threads: int,
        subsample: int,
        facts: EncodeFacts | None,
        metrics: Sequence[str] = (),
    ) -> None:
        self._library = library
        self._layout = layout
        self._subsample = subsample
        self._vmaf_model = model
        self._features = feature_names(library, model, facts)
        self._columns = columns_of(metrics)
        with ExitStack() as stack:
            self._model = stack.enter_context(open_model(library, model, facts))
            self._context = stack.enter_context(
                open_context(library, threads=threads, subsample=subsample)
            )
            library.call("vmaf_use_features_from_model", self._context, self._model)
            use_metrics(library, self._context, metrics)
            # Runs once: by `close`, or when the scorer is no longer referenced.
            self._release = weakref.finalize(self, stack.pop_all().close)
        self._n_fed = 0
        self._next = 0
        self._finished = False

    @classmethod
    def open(
        cls,
        width: int,
        height: int,
        pix_fmt: str,
        *,
        model: VmafModel | str | None = None,
        threads: int | None = None,
        subsample: int = 1,
        facts: EncodeFacts | None = None,
        library: Libvmaf | None = None,
        metrics: Sequence[str] = (),
    ) -> Self:
        """Get ready to score pictures of one size and format.

        Args:
            width: Samples per row of the luma plane.
            height: Rows of the luma plane.
            pix_fmt: ffmpeg's name: `yuv420p`, `yuv422p` or `yuv444p`, and the same with `10le`,
                `12le` and `16le`.
            model: A model, or its name or path; None takes the default for `height`.
            threads: Worker threads; None takes one per core as far as memory goes, and 0 computes
                within `feed`.
            subsample: Score every n-th pair. All pairs must be fed anyway: motion is
                measured between neighbours.
            facts: Size and depth of the encode, for models with CAMBI.
            library: The libvmaf to use; None loads the usual one.
            metrics: What to compute beside VMAF: `psnr`, `ssim`.

        Raises:
            LibvmafNotFoundError: No libvmaf could be loaded.
            ModelNotFoundError: It does not have the model.
            MetricUnavailableError: It cannot compute a metric.
            UsageError: It does not take such pictures, or an option makes no sense.
            ScoringError: The pictures are too small for the model, or for a metric.
        """
        layout = PictureFormat.of(width, height, pix_fmt)
        if subsample < 1 or (threads is not None and threads < 0):
            raise UsageError(
                f"subsample={subsample}, threads={threads}: subsample must be at least 1 and "
                "threads at least 0."
            )
        size = Resolution(width, height)
        chosen = model if isinstance(model, VmafModel) else resolve_model(model, size)
        metrics = parse_metrics(metrics)
        check_picture_size(size, chosen)
        check_metric_sizes(size, metrics)
        return cls(
            library or load_libvmaf(),
            layout,
            chosen,
            threads=default_threads(size) if threads is None else threads,
            subsample=subsample,
            facts=facts,
            metrics=metrics,
        )

    @property
    def layout(self) -> PictureFormat:
        """Geometry of the pictures; its `split` cuts a packed picture into planes."""
        return self._layout

    @property
    def model(self) -> VmafModel:
        """The model that it scores with."""
        return self._vmaf_model

    @property
    def version(self) -> str:
        """Version of the library, such as `2.3.1`."""
        return self._library.version

    @property
    def n_fed(self) -> int:
        """Pairs fed so far."""
        return self._n_fed

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return not self._release.alive

    def feed(
        self, reference: Sequence[PlaneLike], distorted: Sequence[PlaneLike]
    ) -> list[FrameScore]:
        """Take the next pair of pictures.

        Their samples are copied, so the planes may be reused at once. Blocks while all threads are
        busy, so memory stays bounded.

        Args:
            reference: Planes Y, U and V: arrays of shape `(rows, columns)` with samples of type
                uint8, or uint16 above 8 bits, and any distance between rows; flat buffers without
                padding; or `media.frames.Plane`.
            distorted: Likewise.

        Returns:
            The scores that have become available, in order: of earlier pairs, because motion
            looks ahead.

        Raises:
            FormatMismatchError: A plane has another size or type than the scorer was opened for.
            LibvmafCallError: libvmaf failed; the scorer is of no further use.
            ScoringError: The scorer is finished or closed.
        """
        self._require_open()
        if self._finished:
            raise ScoringError("This scorer is finished: open another one for more frames.")
        pair = (
            self._layout.rows(reference, "reference"),
            self._layout.rows(distorted, "distorted"),
        )
        read_pair(self._library, self._context, self._layout, pair, self._n_fed)
        self._n_fed += 1
        return self._available()

    def poll(self) -> list[FrameScore]:
        """Look for scores that worker threads have got ready since `feed` returned.

        Returns:
            The scores that have become available, in order.

        Raises:
            ScoringError: The scorer is closed.
        """
        self._require_open()
        return self._available()

    def finish(self) -> list[FrameScore]:
        """Wait for the last scores; no more pictures can be fed.

        Returns:
            The scores that `feed` has not returned yet.

        Raises:
            LibvmafCallError: libvmaf failed on a pair.
            ScoringError: The scorer is closed.
        """
        self._require_open()
        if self._n_fed and not self._finished:
            self._library.call("vmaf_read_pictures", self._context, None, None, 0)
        self._finished = True
        rest = self._available()
        if self._next < self._n_fed:
            raise LibvmafCallError(
                "vmaf_score_at_index",
                self._library.attempt(
                    "vmaf_score_at_index",
                    self._context,
                    self._model,
                    ctypes.byref(ctypes.c_double()),
                    self._next,
                ),
                f"pair {self._next} could not be scored",
            )
        self._require_metrics(rest)
        return rest

    def _require_metrics(self, frames: Iterable[FrameScore]) -> None:
        for frame in frames:
            for ours, log in self._columns.items():
                if math.isnan(frame.metrics[ours]):
                    raise ScoringError(
                        f"libvmaf {self.version} could not compute {log} for frame {frame.index}. "
                        "Leave out that metric, or use another --backend."
                    )

    def close(self) -> None:
        """Free everything; pairs that are being scored are waited for. May be called again."""
        self._release()

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _require_open(self) -> None:
        if self.closed:
            raise ScoringError("This scorer is closed.")

    def _available(self) -> list[FrameScore]:
        ready = []
        while self._next < self._n_fed and (frame := self._score_of(self._next)) is not None:
            ready.append(frame)
            self._next += self._subsample
        return ready

    def _score_of(self, index: int) -> FrameScore | None:
        value = ctypes.c_double()
        if self._library.attempt(
            "vmaf_score_at_index", self._context, self._model, ctypes.byref(value), index
        ):
            return None
        features = {name.log: self._feature_of(name.query, index) for name in self._features}
        metrics = {
            ours: self._feature_of(log.encode(), index) for ours, log in self._columns.items()
        }
        if not self._finished and any(map(math.isnan, (*features.values(), *metrics.values()))):
            # Features that the model itself does not use may look further ahead than it does, or
            # take longer.
            return None
        score = check_frame_score(self._vmaf_model, index, value.value)
        return FrameScore(index, score, features, metrics)

    def _feature_of(self, query: bytes, index: int) -> float:
        value = ctypes.c_double()
        missing = self._library.attempt(
            "vmaf_feature_score_at_index",
            self._context,
            query,
            ctypes.byref(value),
            index,
        )
        return math.nan if missing else value.value


_NAME = "libvmaf"
_FRAMES_PER_REPORT = 8


class LibvmafFileScorer:
    """Implements `ports.Scorer` with libvmaf's shared library. Thread-safe.

    One thread decodes both clips in step and feeds libvmaf; libav's and libvmaf's own threads do
    the work behind it, so a further thread for each clip gains nothing (measured on 720p H.264).

    Args:
        cancel: Stops all running comparisons.

    Raises:
        LibvmafNotFoundError: No libvmaf could be loaded.
    """

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel
        self._library = load_libvmaf()

    @property
    def name(self) -> str:
        """`libvmaf`."""
        return _NAME

    @property
    def version(self) -> str:
        """Version of the library, such as `2.3.1`."""
        return self._library.version

    def require(self, model: VmafModel, metrics: Sequence[str] = ()) -> None:
        """Make sure that the library can score with `model`, by scoring blank frames.

        Args:
            model: What it must have.
            metrics: What it must be able to compute beside.

        Raises:
            ModelNotFoundError: It does not have the model.
            MetricUnavailableError: It cannot compute a metric.
            LibvmafCallError: It has the model, but cannot score with it.
        """
        feature_names(self._library, model)
        with open_context(self._library, threads=0, subsample=1) as context:
            use_metrics(self._library, context, metrics)

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score every `request.subsample`-th frame pair; see `ports.Scorer`.

        Raises:
            UnreadableSourceError: A clip cannot be decoded to its end.
            FrameCountMismatchError: The clips differ in length.
            ModelNotFoundError: The library does not have the model.
            MetricUnavailableError: It cannot compute a metric.
            ScoringError: libvmaf failed.
            CancelledError: The work was cancelled.
        """
        plan = plan_scoring(request)
        threads = request.threads or default_threads(plan.size, plan.bit_depth, request.cpus)
        with (
            self._frames(request.reference, plan, threads) as reference,
            self._frames(request.distorted, plan, threads) as distorted,
            self._open(request, plan, threads) as scorer,
        ):
            columns, metrics = FrameColumns(), FrameColumns()
            for pair in _pairs(reference, distorted, request):
                _add(columns, metrics, scorer.feed(*(frame.planes for frame in pair)))
                if on_progress is not None and scorer.n_fed % _FRAMES_PER_REPORT == 0:
                    on_progress(scorer.n_fed)
            if not scorer.n_fed:
                raise UnreadableSourceError(f"'{request.reference.path}' has no frames.")
            _add(columns, metrics, scorer.finish())
            if on_progress is not None:
                on_progress(scorer.n_fed)
            return ScoreSet(
                frames=columns.scores,
                features=columns.features(),
                n_frames=scorer.n_fed,
                model=request.model.name,
                backend=_NAME,
                backend_version=self.version,
                subsample=request.subsample,
                comparison=plan.comparison,
                metrics=metrics.features(),
            )

    def _frames(
        self, source: Source, plan: ScoringPlan, threads: int
    ) -> AbstractContextManager[Iterator[PlanarFrame]]:
        return open_frames(
            source,
            filters=conversion(source, plan),
            threads=threads,
            cancel=self._cancel,
        )

    def _open(self, request: ScoreRequest, plan: ScoringPlan, threads: int) -> LibvmafScorer:
        return LibvmafScorer.open(
            plan.size.width,
            plan.size.height,
            plan.pix_fmt,
            model=request.model,
            threads=threads,
            subsample=request.subsample,
            facts=plan.encode_facts,
            library=self._library,
            metrics=request.metrics,
        )


def _add(columns: FrameColumns, metrics: FrameColumns, frames: Iterable[FrameScore]) -> None:
    for frame in frames:
        columns.add(frame.vmaf, frame.features)
        metrics.add(frame.vmaf, frame.metrics)


def _pairs(
    reference: Iterator[PlanarFrame], distorted: Iterator[PlanarFrame], request: ScoreRequest
) -> Iterator[tuple[PlanarFrame, PlanarFrame]]:
    """Pair frames by index.

    Raises:
        FrameCountMismatchError: One clip ends before the other, whose rest is then counted.
    """
    n_pairs = 0
    while True:
        pair = next(reference, None), next(distorted, None)
        if pair[0] is not None and pair[1] is not None:
            n_pairs += 1
            yield pair[0], pair[1]
            continue
        lengths = (
            n_pairs + _count(pair[0], reference),
            n_pairs + _count(pair[1], distorted),
        )
        if lengths[0] == lengths[1]:
            return
        raise FrameCountMismatchError(
            str(request.reference.path), lengths[0], str(request.distorted.path), lengths[1]
        )


def _count(first: PlanarFrame | None, rest: Iterator[PlanarFrame]) -> int:
    return 0 if first is None else 1 + sum(1 for _ in rest)
