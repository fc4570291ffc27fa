"""The HTTP side of the server in a thread, and a client that sends whatever it is told to."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from vmafx_tune.server.http_server import start_http
from vmafx_tune.server.logs import JsonLog
from vmafx_tune.server.media_roots import MediaRoots
from vmafx_tune.server.metrics import Metrics
from vmafx_tune.server.scorer import Scored
from vmafx_tune.server.service import ScoringService
from vmafx_tune.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.server.http_messages import HttpLimits
    from vmafx_tune.server.http_server import HttpListener

# Guards against a test that hangs; nothing here measures time.
PATIENCE_S = 120.0
SCORED = Scored(
    score=93.25,
    features={"vmaf_motion": 1.5},
    model="vmaf_v0.6.1",
    model_version="0.6.1",
    backend="ffmpeg",
    backend_version="3.2.0",
    n_frames=48,
    pooled={"mean": 93.25, "min": 90.5},
)


class FakeScorer:
    """Stands in for libvmaf: answers at once, fails, or waits until it is let go or cancelled.

    Attributes:
        error: Raised instead of an answer.
        held: Whether to wait.
        started, cancelled, released: What happens to it.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.held = False
        self.calls: list[tuple[Path, Path, ScoringOptions]] = []
        self.started = threading.Semaphore(0)
        self.cancelled = threading.Semaphore(0)
        self.released = threading.Event()

    def __call__(
        self, reference: Path, distorted: Path, scoring: ScoringOptions, cancel: CancelToken
    ) -> Scored:
        self.calls.append((reference, distorted, scoring))
        self.started.release()
        if self.error is not None:
            raise self.error
        if self.held:
            with cancel.calling(self.released.set):
                assert self.released.wait(PATIENCE_S)
            if cancel.cancelled:
                self.released.clear()
                self.cancelled.release()
                cancel.raise_if_cancelled()
        return SCORED


@dataclass
class Running:
    """A server that listens on `port`."""

    port: int
    service: ScoringService
    scorer: FakeScorer
    listener: HttpListener
    loop: asyncio.AbstractEventLoop
    log: io.StringIO = field(default_factory=io.StringIO)

    def in_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def call(self, function: Any, *args: Any) -> Any:
        """Call something in the server's event loop."""

        async def work() -> Any:
            return function(*args)

        return self.in_loop(work())

    def lines(self) -> list[dict[str, Any]]:
        """Read its log."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@contextmanager
def running_server(
    root: Path, limits: HttpLimits | None = None, **settings: Any
) -> Iterator[Running]:
    """Serve the files under `root`, with a fake scorer, until the block ends."""
    chosen = ServerSettings(
        **{"port": 0, "media_roots": (root,), "max_concurrent_scores": 1, **settings}
    )
    scorer, log, metrics = FakeScorer(), io.StringIO(), Metrics()
    running: list[Running] = []
    up, done = threading.Event(), threading.Event()

    async def serve() -> None:
        service = ScoringService(chosen, scorer, MediaRoots(chosen.media_roots), metrics)
        service.mark_ready()
        json_log = JsonLog("debug", log)
        listener = await start_http(service, chosen, json_log, metrics, limits=limits)
        loop = asyncio.get_running_loop()
        running.append(Running(listener.port, service, scorer, listener, loop, log))
        up.set()
        await asyncio.to_thread(done.wait)
        await listener.close(patience_s=0.1)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(PATIENCE_S)
        yield running[0]
    finally:
        done.set()
        scorer.released.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


@dataclass(frozen=True)
class Answer:
    """A response as a client saw it; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        document = self.json()
        assert list(document) == ["error"]
        return str(document["error"])


class RawClient:
    """A connection that sends bytes as they are."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def answer(self, method: str = "GET") -> Answer:
        """Read one response; `method` tells whether it has a body."""
        # http.client reads ahead, so the stream it is given must not take more than one response.
        stream = cast("socket.socket", _ByteByByte(self.socket))
        response = HTTPResponse(stream, method=method)
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body)

    def is_at_end(self) -> bool:
        """Wait for the server's next byte; whether it closes instead."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class _ByteByByte:
    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def makefile(self, mode: Literal["rb"]) -> Any:
        return self._socket.makefile(mode, buffering=0)


def ask(
    port: int,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Send one well-formed request on a connection of its own."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    with RawClient(port) as client:
        client.send("\r\n".join((*lines, "\r\n")).encode("latin-1") + (body or b""))
        return client.answer(method)


def ask_score(
    port: int, document: object = None, *, body: bytes | None = None, **headers: str
) -> Answer:
    """Ask for a score of `ref.y4m` and `dist.y4m`, or of whatever `document` says."""
    if document is None:
        document = {"reference": "ref.y4m", "distorted": "dist.y4m"}
    sent = json.dumps(document).encode() if body is None else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(
        port,
        "/v1/score",
        method="POST",
        headers={"content-type": "application/json", **named},
        body=sent,
    )
