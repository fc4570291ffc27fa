"""An HTTP server with one source, which can be told to misbehave."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Origin", "serving"]


@dataclass
class Origin:
    """What a server has, how it misbehaves, and what it was asked."""

    content: bytes = b"frame" * 1000
    tag: str | None = '"one"'
    cut_after: int | None = None
    status: int | None = None
    ignores_ranges: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/media/My%20clip.mp4"


class Handler(BaseHTTPRequestHandler):
    origin: Origin

    def do_GET(self) -> None:
        origin = self.origin
        origin.asked.append(dict(self.headers))
        if origin.status is not None:
            self.send_error(origin.status)
            return
        if origin.tag is not None and self.headers["If-None-Match"] == origin.tag:
            self.send_response(304)
            self.end_headers()
            return
        self._send(origin)

    def _send(self, origin: Origin) -> None:
        start = 0
        if self.headers["Range"] and self.headers["If-Range"] == origin.tag:
            start = 0 if origin.ignores_ranges else int(self.headers["Range"][6:-1])
        body = origin.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            size = len(origin.content)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if origin.tag is not None:
            self.send_header("ETag", origin.tag)
        self.end_headers()
        if origin.cut_after is not None:
            body, origin.cut_after = body[: origin.cut_after], None
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def serving(origin: Origin) -> Iterator[Origin]:
    handler = type("Bound", (Handler,), {"origin": origin})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    origin.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield origin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
