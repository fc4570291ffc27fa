"""Scoring for clients, whatever the transport: admission, deadlines, cancellation, draining."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune.cancel import CancelToken
from vmafx_tune.choices import PoolMethod
from vmafx_tune.cpus import CoreShares, available_cpus
from vmafx_tune.errors import CancelledError, DeadlineError, DrainingError, UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.server.admission import Admission, Arrivals, MemoryBudget, Nothing
from vmafx_tune.server.logs import severity_of
from vmafx_tune.server.media_roots import with_shown_names
from vmafx_tune.server.metrics import Counter
from vmafx_tune.server.scorer import ModelNames, Scored, checked_subsample
from vmafx_tune.server.streams import (
    FramePair,
    FrameSession,
    has_model,
    picture_format,
    stream_bytes,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
    from pathlib import Path

    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.scoring.libvmaf.handles import PictureFormat
    from vmafx_tune.server.media_roots import MediaRoots
    from vmafx_tune.server.metrics import Metrics
    from vmafx_tune.server.settings import ServerSettings
    from vmafx_tune.server.streams import Aggregate, FrameScore, StreamConfig

    PairScorer = Callable[[Path, Path, ScoringOptions, CancelToken], Scored]

T = TypeVar("T")

__all__ = ["ScoreCall", "ScoringService"]

_STARTING = "starting"
_DRAINING = "draining"
# During a drain, a stream that sends nothing for so long counts as idle.
_DRAINING_IDLE_S = 0.2
# Scores that worker threads get ready between two pictures are looked for in growing intervals.
_POLL_S = (0.005, 0.25)


@frozen
class ScoreCall:
    """A request to compare two files.

    Attributes:
        reference: The clip as it should look, by the name that the client knows.
        distorted: The clip to judge.
        model: Name of a VMAF model; empty for the default.
        pool: Name of a `PoolMethod`.
        subsample: Score every n-th frame, up to `MAX_SUBSAMPLE`.
        request_id: What the request is called in logs.
        deadline_s: Seconds that the client waits; None where it does not say.
    """

    reference: str
    distorted: str
    model: str = ""
    pool: str = PoolMethod.MEAN
    subsample: int = 1
    request_id: str = ""
    deadline_s: float | None = None


class ScoringService:
    """Scores files and streams of pictures. Belongs to one event loop.

    Args:
        settings: Limits and timeouts.
        scorer: Compares two files in a worker thread; called with their paths, the model, pooling
            and subsampling to use, and what cancels it.
        media: Opens the files that clients name.
        metrics: Counts.
        shares: Splits the processors between what runs; the scorer's own for files.
        memory: What all that runs may take, likewise.
    """

    def __init__(
        self,
        settings: ServerSettings,
        scorer: PairScorer,
        media: MediaRoots,
        metrics: Metrics,
        *,
        shares: CoreShares | None = None,
        memory: MemoryBudget | None = None,
    ) -> None:
        self.settings = settings
        self.admission = Admission(settings.max_concurrent_scores, settings.max_queued_scores)
        self.stream_admission = Admission(settings.max_streams, settings.max_queued_scores)
        self._scorer = scorer
        self._media = media
        self._metrics = metrics
        self._shares = shares or CoreShares(available_cpus())
        self._memory = memory or MemoryBudget(settings.max_memory_bytes)
        self._models = ModelNames(settings.model_dirs)
        # Whoever holds a slot has one call at most in a thread.
        slots = settings.max_concurrent_scores + settings.max_streams
        self._threads = ThreadPoolExecutor(slots, "score")
        self._not_ready: str | None = _STARTING
        self._stopped = False
        self._tokens: set[CancelToken] = set()
        self._arrivals: set[Arrivals[Any]] = set()
        metrics.watch(self.admission, self.stream_admission)

    @property
    def not_ready(self) -> str | None:
        """Why no work is to be sent here; None when it is welcome."""
        return self._not_ready

    @property
    def draining(self) -> bool:
        """Whether the server is shutting down."""
        return self._not_ready == _DRAINING

    def mark_ready(self, reason: str | None = None) -> None:
        """Say that the server is ready, or for what reason it is not. A drain is final."""
        if not self.draining:
            self._not_ready = reason

    async def score(self, call: ScoreCall) -> Scored:
        """Compare two files.

        Cancelling the task that waits here stops the work: the slot is given back when its
        processes are gone.

        Raises:
            BusyError: The queue is full.
            DrainingError: The server is shutting down.
            DeadlineError: It took too long.
            MediaNotAllowedError: A name is not a file that may be read.
            UsageError: The name of the model or of the pooling, or the subsampling makes no sense.
            VmafxTuneError: The clips cannot be scored.
        """
        started = time.monotonic()
        self._metrics.count(Counter.SCORE_REQUESTS)
        try:
            scored = await self._score(call)
        except BaseException as error:
            self._metrics.count(Counter.SCORE_ERRORS)
            if _is_fault(error):
                self._metrics.count(Counter.SCORE_FAILURES)
            raise
        self._metrics.score_took(time.monotonic() - started)
        return scored

    async def stream(
        self,
        config: StreamConfig,
        pairs: AsyncIterator[FramePair],
        *,
        deadline_s: float | None = None,
    ) -> AsyncGenerator[FrameScore | Aggregate, None]:
        """Score pairs of pictures while they arrive.

        The next pair is asked for only when the scores that there are have been taken, so what a
        stream holds in memory is bounded for a client that never reads.

        Args:
            config: What the client says of its pictures.
            pairs: The pictures.
            deadline_s: Seconds that the client has; None where it does not say.

        Yields:
            The score of each pair, at most a few pairs behind the last that arrived; the
            aggregate at the end.

        Raises:
            InvalidFrameError: The pictures, or their numbers, are not what was announced.
            BusyError, DrainingError, DeadlineError, UsageError: As for `score`.
            ScoringError: They cannot be scored.
        """
        scoring = self._scoring(config)
        settings = self.settings
        layout = picture_format(config, settings.max_frame_bytes, settings.max_pixels)
        async with self.stream_admission.slot(deadline_s), self._stream_threads(layout) as threads:
            session = await self._in_thread(partial(FrameSession, config, layout, scoring, threads))
            try:
                with self._shares.taken(), self._metrics.stream_session():
                    async with self.arrivals(pairs) as arrivals:
                        async for frame in self._frames(session, arrivals):
                            yield frame
                yield session.aggregate()
            finally:
                await self._in_thread(session.close)

    @asynccontextmanager
    async def arrivals(
        self, source: AsyncIterator[T], *, ahead: bool = True
    ) -> AsyncIterator[Arrivals[T]]:
        """Read a client's messages with the server's patience, which a drain shortens."""
        arrivals = Arrivals(source, self.settings.stream_idle_timeout_s, ahead=ahead)
        if self.draining:
            arrivals.hurry(_DRAINING_IDLE_S)
        self._arrivals.add(arrivals)
        try:
            yield arrivals
        finally:
            self._arrivals.discard(arrivals)
            await arrivals.close()

    def begin_drain(self) -> None:
        """Refuse new work, and let go of streams in which nothing happens."""
        self._not_ready = _DRAINING
        self.admission.close()
        self.stream_admission.close()
        for arrivals in self._arrivals:
            arrivals.hurry(_DRAINING_IDLE_S)

    async def drained(self, window_s: float) -> bool:
        """Wait until the work is done; returns whether it was within `window_s` seconds."""
        try:
            async with asyncio.timeout(window_s):
                await self.admission.idle()
                await self.stream_admission.idle()
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Cancel all work: running, waiting and streaming."""
        self.begin_drain()
        self._stopped = True
        for arrivals in self._arrivals:
            arrivals.hurry(0)
        for token in tuple(self._tokens):
            token.cancel()

    async def _score(self, call: ScoreCall) -> Scored:
        _check_names(call)
        scoring = self._scoring(call)
        deadline_s = self.settings.request_timeout_s
        if call.deadline_s is not None:
            deadline_s = min(deadline_s, call.deadline_s)
        timeout = asyncio.timeout(deadline_s)
        try:
            async with timeout, self.admission.slot(deadline_s):
                return await self._score_files(call, scoring)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise DeadlineError(
                f"The score was not done within {deadline_s:g} s and was stopped."
            ) from error

    def _scoring(self, asked: ScoreCall | StreamConfig) -> ScoringOptions:
        from vmafx_tune.options import ScoringOptions

        if asked.pool not in frozenset(PoolMethod):
            raise UsageError(
                f"{asked.pool[:100]!a} is not a pooling. Ask for one of {', '.join(PoolMethod)}."
            )
        # Files have every backend.
        has = (lambda _: True) if isinstance(asked, ScoreCall) else partial(has_model, asked)
        return ScoringOptions(
            model=self._models.find(asked.model, has) or None,
            pool=PoolMethod(asked.pool),
            subsample=checked_subsample(asked.subsample),
        )

    async def _score_files(self, call: ScoreCall, scoring: ScoringOptions) -> Scored:
        with self._cancellable() as token:
            try:
                return await self._in_thread(partial(self._compare, call, scoring, token), token)
            except CancelledError as error:
                if self._stopped:
                    raise DrainingError from error
                raise

    def _compare(self, call: ScoreCall, scoring: ScoringOptions, token: CancelToken) -> Scored:
        token.raise_if_cancelled()
        with (
            self._media.open(call.reference) as reference,
            self._media.open(call.distorted) as distorted,
            with_shown_names(reference, distorted),
        ):
            return self._scorer(reference.path, distorted.path, scoring, token)

    async def _frames(
        self, session: FrameSession, arrivals: Arrivals[FramePair]
    ) -> AsyncIterator[FrameScore]:
        poll_s, longest_s = _POLL_S
        while True:
            if session.behind:
                pair = await arrivals.next(poll_s)
            else:
                pair = await arrivals.next()
            if pair is Nothing.NOT_YET:
                frames = await self._in_thread(session.poll)
                poll_s = min(2 * poll_s, longest_s)
            elif pair is Nothing.ENDED:
                frames = await self._in_thread(session.finish)
            else:
                self._metrics.count(Counter.STREAM_FRAMES)
                frames = await self._in_thread(partial(session.feed, pair))
                poll_s = _POLL_S[0]
            for frame in frames:
                yield frame
            if pair is Nothing.ENDED:
                return

    @asynccontextmanager
    async def _stream_threads(self, layout: PictureFormat) -> AsyncIterator[int]:
        """Lend a stream its memory for the block; yields with how many threads it may score."""
        with self._shares.taken():
            wished = self._shares.share()
        lent: list[int] = []

        def take() -> int:
            threads, n_bytes = self._memory.take(partial(stream_bytes, layout), wished, token)
            # Not returned: nobody would get it where the stream was cancelled in this moment.
            lent.append(n_bytes)
            return threads

        try:
            with self._cancellable() as token:
                threads = await self._in_thread(take, token)
            yield threads
        except CancelledError as error:
            raise DrainingError from error
        finally:
            self._memory.give_back(sum(lent))

    @contextmanager
    def _cancellable(self) -> Iterator[CancelToken]:
        token = CancelToken()
        self._tokens.add(token)
        if self._stopped:
            token.cancel()
        try:
            yield token
        finally:
            self._tokens.discard(token)

    async def _in_thread(self, work: Callable[[], T], token: CancelToken | None = None) -> T:
        """Run `work` in a thread; a cancellation is passed on to it, and its end waited for."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if token is not None:
                token.cancel()
            await _settled(future)
            raise


def _is_fault(error: BaseException) -> bool:
    return isinstance(error, Exception) and severity_of(error) == "error"


def _check_names(call: ScoreCall) -> None:
    for role, name in (("reference", call.reference), ("distorted", call.distorted)):
        if not name:
            raise UsageError(f"The request names no {role} file. Name one under a media root.")


async def _settled(future: asyncio.Future[T]) -> None:
    """Wait for the end of work that was cancelled, however often the waiting is cancelled, too."""
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        # Looked at, so that asyncio does not complain that nobody did.
        future.exception()
