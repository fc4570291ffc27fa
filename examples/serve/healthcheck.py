#!/usr/bin/env python3
"""Exits with 0 if the server in this container is ready: for HEALTHCHECK, without curl.

It runs every few seconds, so it imports as little as it can: ssl only where the server has TLS.
"""

from __future__ import annotations

import os
import socket
import sys

__all__ = ["is_ready"]

_TIMEOUT_S = 3
_REQUEST = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def is_ready(port: int, *, tls: bool) -> bool:
    """Ask the server on this machine whether it takes work.

    Args:
        port: Its HTTP port.
        tls: Whether it speaks TLS; its certificate is for another name and is not checked.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as plain:
            connection = _encrypted(plain) if tls else plain
            connection.sendall(_REQUEST)
            status_line = connection.makefile("rb").readline()
    except OSError:
        return False
    return status_line.startswith(b"HTTP/1.1 200 ")


def _encrypted(plain: socket.socket) -> socket.socket:
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


if __name__ == "__main__":
    http_port = int(os.environ.get("VMAFX_PORT") or 8080)
    sys.exit(not is_ready(http_port, tls=bool(os.environ.get("VMAFX_TLS_CERT"))))
