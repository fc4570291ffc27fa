"""A real gRPC server in this process, on an event loop of its own thread."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune.server.grpc_app import start_grpc
from vmafx_tune.server.logs import JsonLog
from vmafx_tune.server.media_roots import MediaRoots
from vmafx_tune.server.metrics import Metrics
from vmafx_tune.server.scoring_pool import ScoringPool
from vmafx_tune.server.service import ScoringService
from vmafx_tune.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmafx_tune.server.grpc_app import GrpcListener
    from vmafx_tune.server.service import PairScorer

T = TypeVar("T")

__all__ = ["RunningServer", "running_server", "settings_for"]


def settings_for(root: Path, **changes: Any) -> ServerSettings:
    """Settings of a server for tests that reads files under `root`."""
    settings = ServerSettings(
        port=0,
        grpc_port=0,
        media_roots=(root,),
        log_level="debug",
        max_concurrent_scores=2,
        max_streams=2,
        stream_idle_timeout_s=60,
    )
    return replace(settings, **changes)


@dataclass
class RunningServer:
    """A server that listens.

    Attributes:
        address: Where.
        service: What it asks.
        listener: Its own end.
        metrics: What it counted.
    """

    address: str
    service: ScoringService
    scorer: PairScorer
    listener: GrpcListener
    metrics: Metrics
    loop: asyncio.AbstractEventLoop
    log: io.StringIO

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the server's event loop."""

        async def called() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result()

    def drain(self) -> None:
        """Begin to shut down, as on SIGTERM."""
        self.call(self.service.begin_drain)
        self.call(self.listener.begin_drain)

    def sample(self, name: str) -> float:
        """Read a metric without labels."""
        for line in self.metrics.scrape().body.decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise AssertionError(f"There is no metric {name}.")

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@contextmanager
def running_server(
    settings: ServerSettings, scorer: PairScorer | None = None
) -> Iterator[RunningServer]:
    """Run a server for the block; without `scorer`, it has the real one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(_start(settings, scorer), loop).result()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(_stop(server), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(settings: ServerSettings, scorer: PairScorer | None) -> RunningServer:
    log, metrics = io.StringIO(), Metrics()
    if scorer is None:
        scorer = ScoringPool(settings)
        await asyncio.to_thread(scorer.prepare)
    service = ScoringService(settings, scorer, MediaRoots(settings.media_roots), metrics)
    listener = await start_grpc(service, settings, JsonLog(settings.log_level, log), metrics)
    service.mark_ready()
    listener.set_serving(True)
    address = f"{settings.host}:{listener.port}"
    loop = asyncio.get_running_loop()
    return RunningServer(address, service, scorer, listener, metrics, loop, log)


async def _stop(server: RunningServer) -> None:
    server.service.stop()
    server.listener.begin_drain()
    await server.listener.close(0.2)
    await server.service.admission.idle()
    await server.service.stream_admission.idle()
    if isinstance(server.scorer, ScoringPool):
        server.scorer.close()
    await asyncio.get_running_loop().shutdown_default_executor()
