"""What clients without a slot can send to a server at once, each kind to one method."""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc

from tests.support.programs import wait_until

__all__ = ["MESSAGE_BYTES", "METHODS", "peak_bytes", "send_at_once", "send_unfinished"]

MESSAGE_BYTES = 94 << 20
METHODS = (
    "/vmafx.v1.VmafxScoring/Score",
    "/vmafx.v1.VmafxScoring/ScoreStream",
    "/vmafx.v1.VmafxScoring/Health",
    "/grpc.health.v1.Health/Check",
)
_TIMEOUT_S = 120
_STANDSTILL_S = 1.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _WINDOW_UPDATE, _HEADERS, _DATA, _PING = 4, 8, 1, 0, 6
_END_HEADERS, _ACK = 4, 1
_FRAME_BYTES = 16384


def peak_bytes(pid: int) -> int:
    """Read the most memory that a process has had resident."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def send_at_once(address: str, method: str, calls: int) -> list[grpc.StatusCode]:
    """Call a method from as many clients, each with a message as large as may be."""
    message = bytes(MESSAGE_BYTES)
    options = [("grpc.max_send_message_length", -1)]
    codes: list[grpc.StatusCode] = []

    def call() -> None:
        with grpc.insecure_channel(address, options=options) as channel:
            anything: Any = channel
            try:
                anything.unary_unary(method)(message, timeout=_TIMEOUT_S)
            except grpc.RpcError as error:
                failed: Any = error
                codes.append(failed.code())

    _all_at_once(call, calls)
    return codes


def send_unfinished(
    address: str,
    method: str,
    calls: int,
    share: float = 0.9,
    least_bytes: int = 0,
    turns: float = math.inf,
) -> int:
    """Have as many clients send a part of a message each, as far as the server lets them.

    Args:
        address: Where the server listens.
        method: What they call.
        calls: How many clients there are.
        share: How much of the message each sends before it falls silent.
        least_bytes: What the server is certain to take from all of them together.
        turns: Where the server lets them take turns, how many are enough.

    Returns:
        How many bytes of messages all clients together could send.
    """
    n_bytes = int(share * MESSAGE_BYTES)
    with ExitStack() as open_until_nothing_moves:
        clients = [_Client(address) for _ in range(calls)]
        senders = [threading.Thread(target=each.send, args=(method, n_bytes)) for each in clients]
        for client, sender in zip(clients, senders, strict=True):
            open_until_nothing_moves.callback(client.close)
            sender.start()

        def sent() -> int:
            return sum(client.n_sent for client in clients)

        wait_until(lambda: sent() >= least_bytes)
        before = -1
        while any(each.is_alive() for each in senders) and before != sent() < turns * n_bytes:
            before = sent()
            time.sleep(_STANDSTILL_S)
    for sender in senders:
        sender.join()
    return sent()


class _Client:
    """Speaks as much HTTP/2 as it takes to begin a message, minding the server's windows."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=_TIMEOUT_S)
        self.n_sent = 0
        self._host = host
        self._windows = {0: 65535, 1: 65535}
        self._initial = 65535
        self._socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))

    def send(self, method: str, n_bytes: int) -> None:
        """Send so much of a message of `MESSAGE_BYTES`, as far as it can be sent."""
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": method,
            ":authority": self._host,
            "te": "trailers",
            "content-type": "application/grpc",
        }
        block = b"".join(_literal(name, value) for name, value in headers.items())
        self._socket.sendall(_frame(_HEADERS, _END_HEADERS, 1, block))
        data = struct.pack(">BI", 0, MESSAGE_BYTES)
        try:
            while self.n_sent < n_bytes:
                while (room := min(*self._windows.values(), _FRAME_BYTES)) <= 0:
                    self._read()
                data = data[:room] or bytes(min(room, n_bytes - self.n_sent))
                self._socket.sendall(_frame(_DATA, 0, 1, data))
                self.n_sent += len(data)
                for stream in self._windows:
                    self._windows[stream] -= len(data)
                data = b""
        except OSError:
            # The stream or the connection is closed, by the server or by `close`.
            pass

    def _read(self) -> None:
        head = self._exactly(9)
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        stream, content = int.from_bytes(head[5:]) & 0x7FFFFFFF, self._exactly(length)
        if kind == _WINDOW_UPDATE and stream in self._windows:
            self._windows[stream] += int.from_bytes(content)
        elif kind == _PING and not flags & _ACK:
            self._socket.sendall(_frame(_PING, _ACK, 0, content))
        elif kind == _SETTINGS and not flags & _ACK:
            for name, value in struct.iter_unpack(">HI", content):
                if name == 4:  # the initial window of each stream
                    self._windows[1] += value - self._initial
                    self._initial = value
            self._socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind in {3, 7}:  # the end of the stream, or of the connection
            raise ConnectionResetError

    def _exactly(self, n_bytes: int) -> bytes:
        data = b""
        while len(data) < n_bytes:
            piece = self._socket.recv(n_bytes - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data

    def close(self) -> None:
        """Leave, and end a `send` that waits."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _all_at_once(call: Any, times: int) -> None:
    threads = [threading.Thread(target=call) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return len(content).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + content


def _literal(name: str, value: str) -> bytes:
    """A header field that goes into no table (RFC 7541, 6.2.2), of less than 127 bytes."""
    return b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))
