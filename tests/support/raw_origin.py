"""An HTTP server that says whatever it is told to, byte for byte."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Caller", "RawOrigin", "answering", "chunked", "dripping", "message", "raw_origin"]


@dataclass
class Caller:
    """One request, and the connection that it came on.

    Attributes:
        line: The request line.
        headers: By lower-case name.
        ended: Set when the test is over, for answers that keep somebody waiting.
    """

    connection: socket.socket
    line: str
    headers: dict[str, str]
    ended: threading.Event

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reset(self) -> None:
        """Break the connection so that the other end gets an error."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@dataclass
class RawOrigin:
    """What a server answers, and what it was asked.

    Attributes:
        answers: One for each request; the last goes on for ever.
    """

    answers: Sequence[Callable[[Caller], None]]
    port: int = 0
    asked: list[Caller] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/clip.mp4"


def message(status: str = "200 OK", *headers: str, body: bytes = b"") -> bytes:
    """Write an answer; only the headers that are given are in it."""
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""])
    return head.encode("latin-1") + body


def answering(data: bytes) -> Callable[[Caller], None]:
    """Answer with that, and close the connection."""
    return lambda caller: caller.send(data)


def dripping(head: bytes, drop: bytes = b"x", every_s: float = 0.05) -> Callable[[Caller], None]:
    """Answer with a head, then with a drop now and then, for ever."""

    def drip(caller: Caller) -> None:
        caller.send(head)
        while not caller.ended.wait(every_s):
            caller.send(drop)

    return drip


def chunked(content: bytes, size: int = 700, end: bytes = b"0\r\n\r\n") -> bytes:
    """Write content in chunks."""
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


@contextmanager
def raw_origin(*answers: Callable[[Caller], None]) -> Iterator[RawOrigin]:
    """Serve until the block ends."""
    ended = threading.Event()
    origin = RawOrigin(answers)
    threads = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        origin.port = server.getsockname()[1]

        def accept() -> None:
            while not ended.is_set():
                connection, _ = server.accept()
                thread = threading.Thread(target=_serve, args=(origin, connection, ended))
                thread.start()
                threads.append(thread)

        listening = threading.Thread(target=accept)
        listening.start()
        try:
            yield origin
        finally:
            ended.set()
            # Wakes the thread that accepts.
            socket.create_connection(("127.0.0.1", origin.port)).close()
            listening.join()
            for thread in threads:
                thread.join()


def _serve(origin: RawOrigin, connection: socket.socket, ended: threading.Event) -> None:
    # A client that has heard enough hangs up in the middle of an answer.
    with connection, suppress(OSError):
        connection.settimeout(120)
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := connection.recv(4096)):
                return
            head += data
        line, *headers = head.decode("latin-1").split("\r\n")
        pairs = (header.partition(": ") for header in headers if header)
        caller = Caller(connection, line, {name.lower(): value for name, _, value in pairs}, ended)
        origin.asked.append(caller)
        origin.answers[min(len(origin.asked), len(origin.answers)) - 1](caller)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        # Closing with unread data would reset the connection, and the answer would be lost.
        connection.settimeout(0.2)
        while connection.recv(4096):
            pass
