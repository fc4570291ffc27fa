"""HTTP over TLS, with a certificate from files."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.support.http_server import PATIENCE_S, Running, running_server
from vmafx_tune.errors import UsageError
from vmafx_tune.server.http_messages import HttpLimits
from vmafx_tune.server.http_server import start_http
from vmafx_tune.server.logs import JsonLog
from vmafx_tune.server.metrics import Metrics
from vmafx_tune.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HASTY = HttpLimits(head_s=0.3, linger_s=0.3)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    certificate = authority.issue_cert("127.0.0.1")
    paths = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(paths["tls_cert"], append=True)
    certificate.private_key_pem.write_to_path(paths["tls_key"])
    return paths


@pytest.fixture
def server(tmp_path: Path, files: dict[str, Path]) -> Iterator[Running]:
    with running_server(tmp_path, HASTY, **files) as running:
        yield running


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    return trusting(authority)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def health(server: Running, context: ssl.SSLContext) -> Any:
    url = f"https://127.0.0.1:{server.port}/healthz"
    with urllib.request.urlopen(url, context=context) as response:
        return json.load(response)


def test_a_client_that_trusts_the_certificate_is_served(
    server: Running, context: ssl.SSLContext
) -> None:
    assert health(server, context) == {"status": "ok"}


def test_old_versions_of_tls_are_refused(
    server: Running, context: ssl.SSLContext, authority: trustme.CA
) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)version|protocol|alert|no_protocols"):
        connect(server, context)
    # By then it is done with the connection before, which else would still be open when it ends.
    assert health(server, trusting(authority)) == {"status": "ok"}


def test_a_client_that_leaves_cancels_its_score(
    server: Running, context: ssl.SSLContext, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"YUV4MPEG2")
    server.scorer.held = True
    body = b'{"reference":"a","distorted":"a"}'
    head = b"POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    with connect(server, context) as client:
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
    assert server.scorer.cancelled.acquire(timeout=PATIENCE_S)


def test_a_client_that_never_shakes_hands_is_cut_off(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as client:
        assert client.recv(1) == b""


def test_a_refused_client_can_read_why(server: Running, context: ssl.SSLContext) -> None:
    with connect(server, context) as client:
        client.sendall(b"\x00garbage")
        assert client.recv(12) == b"HTTP/1.1 400"


@pytest.mark.parametrize("broken", ["tls_cert", "tls_key"])
@pytest.mark.parametrize("content", [None, "", "garbage"])
def test_files_that_are_no_certificate_are_named(
    tmp_path: Path, files: dict[str, Path], broken: str, content: str | None
) -> None:
    bad = tmp_path / "bad.pem"
    if content is not None:
        bad.write_text(content)
    chosen = {**files, broken: bad}
    settings = ServerSettings(port=0, tls_cert=chosen["tls_cert"], tls_key=chosen["tls_key"])
    with running_server(tmp_path) as server, pytest.raises(UsageError, match=r"bad\.pem"):
        server.in_loop(start_http(server.service, settings, JsonLog(), Metrics()))


def connect(server: Running, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    try:
        return context.wrap_socket(plain, server_hostname="127.0.0.1")
    except OSError:
        plain.close()
        raise
