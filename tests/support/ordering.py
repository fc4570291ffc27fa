"""Orders a command of the process in `preloaded`; as a program, on its own standard streams.

As a program it loads next to nothing: `ordering.py DESCRIPTOR ARGUMENT…`, with the descriptor of
the loader's socket, which it inherited.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

TYPE_CHECKING = False  # as in `vmafx_tune.signals`
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["run_ordered"]


def run_ordered(
    loader: socket.socket,
    arguments: Sequence[str],
    *,
    cwd: str,
    environ: Mapping[str, str],
    streams: tuple[int, int, int] = (0, 1, 2),
) -> int:
    """Have a command run to its end; returns its status, negative if a signal ended it.

    Args:
        loader: Where the process takes orders.
        arguments: The command line, without the program.
        cwd: Working directory.
        environ: Its whole environment.
        streams: Descriptors of its standard input, output and error.
    """
    order = json.dumps({"arguments": arguments, "cwd": cwd, "environ": dict(environ)})
    mine, its = socket.socketpair()
    with mine, tempfile.TemporaryFile() as orders:
        orders.write(order.encode("utf-8", "surrogateescape"))
        orders.seek(0)
        with its:
            socket.send_fds(loader, [b"."], [orders.fileno(), *streams, its.fileno()])
        return int(mine.makefile().read())


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as taking:
        sys.exit(run_ordered(taking, sys.argv[2:], cwd=str(Path.cwd()), environ=os.environ))
