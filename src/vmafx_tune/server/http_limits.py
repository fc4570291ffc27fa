"""How much, and for how long, an HTTP client may ask of the server.

The values of the HTTP side are named tuples: Python makes one in a tenth of the time that a frozen
dataclass takes, and they are all made before the server is ready.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HttpLimits"]


class HttpLimits(NamedTuple):
    """Bounds of one HTTP listener; the defaults suit clients in one cluster.

    Attributes:
        head_bytes: Request line and headers together; past it 414 or 431.
        header_count: Header fields of one request; past it 431.
        body_bytes: Request body; past it 413.
        ahead_bytes: What a client may send while its last request is being answered; a client
            that sends more is cut off, because reading no further would hide that it left.
        connections: Open connections; one more is told 503 and closed.
        idle_s: A connection without a request for so long is closed.
        head_s: Time for a whole head, from its first byte; past it 408.
        body_s: Time for a whole body, from the end of its head; past it 408.
        write_s: Time for a client to read an answer that the socket's buffers cannot hold.
        linger_s: How long a refused client is listened to after the answer, so that what it was
            still sending does not make the kernel reset the connection before it has read it.
    """

    head_bytes: int = 16 * 1024
    header_count: int = 64
    body_bytes: int = 64 * 1024
    ahead_bytes: int = 64 * 1024
    connections: int = 512
    idle_s: float = 75.0
    head_s: float = 10.0
    body_s: float = 20.0
    write_s: float = 20.0
    linger_s: float = 1.0
