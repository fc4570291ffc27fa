"""Scoring files with libvmaf in this process, decoded by PyAV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.errors import FrameCountMismatchError, UnreadableSourceError
from vmafx_tune.media.frames import open_frames
from vmafx_tune.model import ScoreSet
from vmafx_tune.scoring.alignment import conversion, plan_scoring
from vmafx_tune.scoring.frame_log import FrameColumns
from vmafx_tune.scoring.libvmaf.library import Libvmaf, load_libvmaf
from vmafx_tune.scoring.libvmaf.loaded_model import feature_names
from vmafx_tune.scoring.libvmaf.session import LibvmafScorer
from vmafx_tune.scoring.threads import default_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.frames import PlanarFrame
    from vmafx_tune.model import ScoreRequest, Source, VmafModel
    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.scoring.alignment import ScoringPlan
    from vmafx_tune.scoring.libvmaf.session import FrameScore

__all__ = ["LibvmafFileScorer"]

_NAME = "libvmaf"
_FRAMES_PER_REPORT = 8


class LibvmafFileScorer:
    """Implements `ports.Scorer` with libvmaf's shared library. Thread-safe.

    One thread decodes both clips in step and feeds libvmaf; libav's and libvmaf's own threads do
    the work behind it, so a further thread for each clip gains nothing (measured on 720p H.264).

    Args:
        cancel: Stops all running comparisons.
        library: The libvmaf to use; None loads the usual one.

    Raises:
        LibvmafNotFoundError: No libvmaf could be loaded.
    """

    def __init__(self, cancel: CancelToken, library: Libvmaf | None = None) -> None:
        self._cancel = cancel
        self._library = library or load_libvmaf()

    @property
    def name(self) -> str:
        """`libvmaf`."""
        return _NAME

    @property
    def version(self) -> str:
        """Version of the library, such as `2.3.1`."""
        return self._library.version

    def require_model(self, model: VmafModel) -> None:
        """Make sure that the library can score with `model`, by scoring blank frames.

        Raises:
            ModelNotFoundError: It does not have the model.
            LibvmafCallError: It has the model, but cannot score with it.
        """
        feature_names(self._library, model)

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score every `request.subsample`-th frame pair; see `ports.Scorer`.

        Raises:
            UnreadableSourceError: A clip cannot be decoded to its end.
            FrameCountMismatchError: The clips differ in length.
            ModelNotFoundError: The library does not have the model.
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
            columns = FrameColumns()
            for pair in _pairs(reference, distorted, request):
                _add(columns, scorer.feed(*(frame.planes for frame in pair)))
                if on_progress is not None and scorer.n_fed % _FRAMES_PER_REPORT == 0:
                    on_progress(scorer.n_fed)
            if not scorer.n_fed:
                raise UnreadableSourceError(f"'{request.reference.path}' has no frames.")
            _add(columns, scorer.finish())
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
        )


def _add(columns: FrameColumns, frames: Iterable[FrameScore]) -> None:
    for frame in frames:
        columns.add(frame.vmaf, frame.features)


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
