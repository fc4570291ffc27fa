"""Starting the server, and its end.

What is imported here is on the way to being ready, so it is little: what answers requests is loaded
behind the first of them. ffmpeg is asked who it is while the listeners' modules are loaded.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.cpus import CoreShares, available_cpus
from vmafx_tune.errors import VmafxTuneError
from vmafx_tune.formatting import one_line
from vmafx_tune.server.admission import MemoryBudget
from vmafx_tune.server.logs import JsonLog, LogWriter, log_libraries
from vmafx_tune.server.media_roots import MediaRoots
from vmafx_tune.server.metrics import Metrics
from vmafx_tune.server.scoring_pool import ScoringPool
from vmafx_tune.server.service import ScoringService
from vmafx_tune.server.settings import ServerSettings, parse_flags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmafx_tune.server.grpc_app import GrpcListener

__all__ = ["DescriptorShares", "main", "run", "serve", "share_descriptors"]

# For the listeners, the log, shared libraries, and what the interpreter opens for a moment.
_OWN_DESCRIPTORS = 64
# Both clips, ffmpeg's pipes and the log of one score, with as many again to spare.
_DESCRIPTORS_PER_SCORE = 16
_LEAST_CONNECTIONS = 16
# So long at least probes can see that the server is not ready any more before it stops listening.
_NOTICE_S = 0.25
# For answers that are on their way when all work is done or cancelled.
_CLOSING_S = 1.0
# For the last lines of the log, where somebody reads it.
_LOG_CLOSING_S = 1.0
_STDERR = 2
# glibc's malloc.h.
_M_ARENA_MAX = -8
_PRELOADED = (
    "vmafx_tune.server.grpc_services",
    "prometheus_client",
    "vmafx_tune.scoring.libvmaf.session",
    "google.rpc.error_details_pb2",
)


def main(argv: Sequence[str]) -> int:
    """Run the server as a command line says.

    Args:
        argv: The command line, without the program and the command.

    Returns:
        The exit status, as `run`.
    """
    try:
        flags = parse_flags(argv)
    except VmafxTuneError as error:
        return _refuse(error)
    return run(flags)


def run(flags: Mapping[str, str | None]) -> int:
    """Run the server until a signal ends it.

    Args:
        flags: Settings by flag, such as `{"--port": "8080"}`; None counts as not given.

    Returns:
        The exit status: 0 after a drain, 1 where work had to be cancelled, else an error's.
    """
    # Modules are no garbage: looking for some while they are loaded is time lost.
    gc.disable()
    _share_one_heap()
    # Its C core would write lines of its own among those of the log.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        return asyncio.run(serve(ServerSettings.from_sources(flags, os.environ)))
    except VmafxTuneError as error:
        return _refuse(error)


def _refuse(error: VmafxTuneError) -> int:
    sys.stderr.write(f"vmafx-tune: error: {one_line(str(error))}\n")
    return error.exit_code


def _share_one_heap() -> None:
    """Have all threads take memory from one heap, so that what one frees another one uses.

    glibc gives each thread its own, up to eight for each core: those of grpc's threads would keep
    what a few large messages took.
    """
    import ctypes

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


async def serve(settings: ServerSettings) -> int:
    """Serve until the first SIGTERM or SIGINT, then finish what runs.

    Returns:
        0 where all work was done within the drain window; 1 where a second signal or the window's
        end cancelled some.

    Raises:
        UsageError: A certificate cannot be used.
        ServiceError: A port cannot be had.
        ToolNotFoundError, LibvmafNotFoundError: There is nothing to score with.
    """
    signals = _Signals()
    writer = LogWriter(_STDERR)
    try:
        return await _serve(settings, signals, writer)
    finally:
        writer.close(_LOG_CLOSING_S)


async def _serve(settings: ServerSettings, signals: _Signals, writer: LogWriter) -> int:
    shares, memory = CoreShares(available_cpus()), MemoryBudget(settings.max_memory_bytes)
    log, metrics = JsonLog(settings.log_level, writer), Metrics()
    scorer = ScoringPool(settings, shares, memory)
    metrics.watch_log(writer)
    log_libraries(log)
    media = MediaRoots(settings.media_roots)
    service = ScoringService(settings, scorer, media, metrics, shares=shares, memory=memory)
    prepared = asyncio.create_task(asyncio.to_thread(scorer.prepare))
    # Lets the thread start before this one holds the interpreter for the imports.
    await asyncio.sleep(0)
    async with AsyncExitStack() as listeners:
        listeners.push_async_callback(asyncio.to_thread, scorer.close)
        grpc = await _listen(service, settings, log, metrics, listeners)
        await prepared
        drained = await _Running(service, scorer, grpc, log, signals).until_drained()
    log.info("stopped", error=None if drained else "some work was cancelled")
    return 0 if drained else 1


async def _listen(
    service: ScoringService,
    settings: ServerSettings,
    log: JsonLog,
    metrics: Metrics,
    listeners: AsyncExitStack,
) -> GrpcListener:
    """Open both listeners, to be closed in the other order: probes are answered longest."""
    from vmafx_tune.server.grpc_app import MOST_CONNECTIONS, start_grpc
    from vmafx_tune.server.http_messages import HttpLimits
    from vmafx_tune.server.http_server import BACKLOG, start_http

    most = DescriptorShares(HttpLimits().connections, MOST_CONNECTIONS)
    slots = settings.max_concurrent_scores + settings.max_streams
    shares = share_descriptors(slots, BACKLOG, most)
    limits = HttpLimits(connections=shares.http)
    http = await start_http(service, settings, log, metrics, limits=limits)
    listeners.push_async_callback(http.close, _CLOSING_S)
    grpc = await start_grpc(service, settings, log, metrics, connections=shares.grpc)
    listeners.push_async_callback(grpc.close, _CLOSING_S)
    log.info("listening", host=settings.host, port=http.port, grpc_port=grpc.port)
    return grpc


class _Signals:
    """The first signal asks for a drain, the second for the end."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._arrived)

    def _arrived(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


class _Running:
    """A server that listens, from being ready to its end."""

    def __init__(
        self,
        service: ScoringService,
        scorer: ScoringPool,
        grpc: GrpcListener,
        log: JsonLog,
        signals: _Signals,
    ) -> None:
        self._service = service
        self._scorer = scorer
        self._grpc = grpc
        self._log = log
        self._signals = signals

    async def until_drained(self) -> bool:
        """Work until a signal comes and the work is done; returns whether all of it was."""
        self._service.mark_ready()
        self._grpc.set_serving(True)
        gc.freeze()
        gc.enable()
        self._log.info("ready")
        preload = _Preload(self._scorer)
        await self._signals.first.wait()
        preload.stop()
        return await self._drain()

    async def _drain(self) -> bool:
        self._log.info("draining")
        self._service.begin_drain()
        self._grpc.begin_drain()
        noticed = asyncio.create_task(asyncio.sleep(_NOTICE_S))
        drained = await self._work_done()
        if not drained:
            self._log.warning("cancelling", error="the drain is over, and work is left")
            self._service.stop()
        else:
            await noticed
        noticed.cancel()
        return drained

    async def _work_done(self) -> bool:
        """Wait for the work, the window's end or a second signal, whatever comes first."""
        drained = asyncio.create_task(self._service.drained(self._service.settings.drain_s))
        second = asyncio.create_task(self._signals.second.wait())
        await asyncio.wait({drained, second}, return_when=asyncio.FIRST_COMPLETED)
        done = drained.done() and drained.result()
        for task in (drained, second):
            task.cancel()
        return done


class _Preload:
    """Gets ready what the first requests need, in a thread beside the event loop."""

    def __init__(self, scorer: ScoringPool) -> None:
        self._scorer = scorer
        self._stopped = threading.Event()
        threading.Thread(target=self._load, name="preload").start()

    def stop(self) -> None:
        """Load no further module: nobody is going to need it."""
        self._stopped.set()

    def _load(self) -> None:
        from importlib import import_module

        self._scorer.warm()
        for name in _PRELOADED:
            if self._stopped.is_set():
                return
            import_module(name)
        gc.freeze()


class DescriptorShares(NamedTuple):
    """Connections that each listener may have open."""

    http: int
    grpc: int


def share_descriptors(scores: int, burst: int, most: DescriptorShares) -> DescriptorShares:
    """Raise the limit as far as it goes, and share what scores leave between the listeners.

    Args:
        scores: Scores and streams that run at once.
        burst: Connections that may come at once before one of them is turned away.
        most: Connections that each listener takes where there are descriptors enough.
    """
    left = _descriptor_limit() - _OWN_DESCRIPTORS - burst - scores * _DESCRIPTORS_PER_SCORE
    each = max(_LEAST_CONNECTIONS, left // 2)
    return DescriptorShares(min(most.http, each), min(most.grpc, each))


def _descriptor_limit() -> int:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS has a lower limit than it says
            return soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 16


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
