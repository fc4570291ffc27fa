"""Servers of S3's and Google's protocols, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STORES", "ObjectStore", "running"]

_PROGRAMS = {
    "s3": """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
""",
    "gs": """
import sys
from gcp_storage_emulator.server import create_server
server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="films")
server.start()
print(server._api._httpd.socket.getsockname()[1], flush=True)
sys.stdin.read()
server.stop()
""",
}
_NEEDS = {"s3": ("s3fs", "moto"), "gs": ("gcsfs", "gcp_storage_emulator")}
_SECRET = "quite-secret"

STORES = [
    pytest.param(
        scheme,
        marks=pytest.mark.skipif(
            not all(map(find_spec, packages)), reason=f"{' or '.join(packages)} is not installed"
        ),
    )
    for scheme, packages in _NEEDS.items()
]
"""The schemes; those whose packages are missing are skipped."""


@dataclass
class ObjectStore:
    """A server that runs, with a bucket `films`."""

    scheme: str
    port: int

    @property
    def env(self) -> dict[str, str]:
        """Where the tools of the store look."""
        endpoint = f"http://127.0.0.1:{self.port}"
        if self.scheme == "gs":
            return {"STORAGE_EMULATOR_HOST": endpoint}
        return {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def secret(self) -> str:
        """What must not be shown."""
        return _SECRET

    def put(self, key: str, content: bytes) -> str:
        """Write an object; returns its address."""
        if self.scheme == "gs":
            name = quote(key, safe="")
            self._ask("POST", f"/upload/storage/v1/b/films/o?uploadType=media&name={name}", content)
        else:
            self._ask("PUT", f"/films/{quote(key)}", content)
        return f"{self.scheme}://films/{key}"

    def _ask(self, method: str, path: str, content: bytes = b"") -> None:
        url = f"http://127.0.0.1:{self.port}{path}"
        # Nobody in particular asks, who is to be allowed to replace what is there.
        headers = {"Content-Type": "video/mp4", "x-amz-acl": "public-read-write"}
        request = urllib.request.Request(url, content, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            answer.read()


@contextmanager
def running(scheme: str) -> Iterator[ObjectStore]:
    """Run a server, which is gone when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _PROGRAMS[scheme]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = next(int(line) for line in process.stdout if line.strip().isdigit())
        store = ObjectStore(scheme, port)
        try:
            if scheme == "s3":
                store._ask("PUT", "/films")
            yield store
        finally:
            process.kill()
