"""Transfers from servers that answer rightly, or to somebody who has had enough."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.support.raw_origin import answering, dripping, message, raw_origin
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, UnreadableSourceError
from vmafx_tune.media.http_exchange import TransferLimits
from vmafx_tune.media.transfer import Transfer
from vmafx_tune.media.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.raw_origin import Caller

BASIC = f"Basic {base64.b64encode(b'me:secret').decode()}"
# Whoever waits for one of these waits for minutes.
PATIENCE = TransferLimits(tries=2, pause_s=300.0, answer_s=300.0, window_s=300.0)
AT_ONCE = TransferLimits(tries=2, pause_s=0.0)
FOUND = message("200 OK", "Content-Length: 5", body=b"frame")


def fetch(
    url: str,
    folder: Path,
    *,
    cancel: CancelToken | None = None,
    limits: TransferLimits = AT_ONCE,
    reserve: Callable[[int], None] = lambda _: None,
) -> bytes:
    target = folder / "target"
    Transfer(
        parse_url(url),
        target,
        cancel=cancel or CancelToken(),
        reserve=reserve,
        limits=limits,
    ).run()
    return target.read_bytes()


def with_credentials(url: str) -> str:
    return url.replace("://", "://me:secret@")


def test_credentials_are_sent_and_not_the_url_that_holds_them(tmp_path: Path) -> None:
    with raw_origin(answering(FOUND)) as origin:
        assert fetch(with_credentials(origin.url), tmp_path) == b"frame"

    assert origin.asked[0].headers["authorization"] == BASIC
    assert origin.asked[0].line == "GET /clip.mp4 HTTP/1.1"
    assert "@" not in origin.asked[0].headers["host"]


def test_credentials_are_not_sent_to_another_server(tmp_path: Path) -> None:
    with raw_origin(answering(FOUND)) as other:
        away = message("302 Found", f"Location: {other.url}")
        with raw_origin(answering(away)) as origin:
            fetch(with_credentials(origin.url), tmp_path)

    assert origin.asked[0].headers["authorization"] == BASIC
    assert "authorization" not in other.asked[0].headers


def test_credentials_are_not_in_the_message(tmp_path: Path) -> None:
    with (
        raw_origin(answering(message("401 Unauthorized"))) as origin,
        pytest.raises(UnreadableSourceError, match="401 Unauthorized") as caught,
    ):
        fetch(with_credentials(origin.url), tmp_path)

    assert "secret" not in str(caught.value)
    assert "me:" not in str(caught.value)


def test_a_path_and_a_query_are_sent_as_bytes_of_utf_8(tmp_path: Path) -> None:
    with raw_origin(answering(FOUND)) as origin:
        fetch(f"{origin.url}/é b?q=ü&r=%2F", tmp_path)

    assert origin.asked[0].line == "GET /clip.mp4/%C3%A9%20b?q=%C3%BC&r=%2F HTTP/1.1"


def test_a_name_that_nobody_has_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="host name cannot be resolved"):
        fetch("http://nobody.invalid/clip.mp4", tmp_path, limits=PATIENCE)


def test_a_disk_that_is_full_is_not_the_network(tmp_path: Path) -> None:
    with raw_origin(answering(FOUND)) as origin, pytest.raises(OSError, match="No such file"):
        fetch(origin.url, tmp_path / "gone")


def test_a_proxy_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_origin(answering(FOUND)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert fetch("http://host.invalid/clip.mp4", tmp_path) == b"frame"

    assert proxy.asked[0].line == "GET http://host.invalid/clip.mp4 HTTP/1.1"
    assert proxy.asked[0].headers["proxy-authorization"] == BASIC


def test_hosts_without_a_proxy_are_asked_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with raw_origin(answering(FOUND)) as origin:
        assert fetch(origin.url, tmp_path) == b"frame"


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("http://me:secret@127.0.0.1:1", "Connection refused"),
        ("socks5://me:secret@a", "not a valid"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, reason: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(UnreadableSourceError, match=f"the proxy .*{reason}") as caught:
        fetch("http://host.invalid/clip.mp4", tmp_path)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_those_that_ssl_cert_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    authority = trustme.CA()
    if trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def serve(server: socket.socket) -> None:
        try:
            with context.wrap_socket(server.accept()[0], server_side=True) as connection:
                connection.recv(4096)
                connection.sendall(FOUND)
        except ssl.SSLError:
            return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}/clip.mp4"
        if trusted:
            assert fetch(url, tmp_path) == b"frame"
        else:
            with pytest.raises(UnreadableSourceError, match=r"not trusted.*SSL_CERT_FILE"):
                fetch(url, tmp_path)
        thread.join()


HALF = message("200 OK", "Content-Length: 8", 'ETag: "one"', body=b"half")


@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 200 OK\r\n", HALF, message("200 OK", "Transfer-Encoding: chunked")],
    ids=["before the head", "in the head", "in the body", "before the first chunk"],
)
def test_a_transfer_that_waits_can_be_cancelled(tmp_path: Path, before: bytes) -> None:
    token = CancelToken()

    def stall(caller: Caller) -> None:
        caller.send(before)
        token.cancel()
        caller.ended.wait()

    with raw_origin(stall) as origin, pytest.raises(CancelledError):
        fetch(origin.url, tmp_path, cancel=token, limits=PATIENCE)


def test_a_pause_between_attempts_can_be_cancelled(tmp_path: Path) -> None:
    token = CancelToken()

    def refuse(caller: Caller) -> None:
        caller.send(message("503 Busy", "Content-Length: 0"))
        token.cancel()

    with raw_origin(refuse) as origin, pytest.raises(CancelledError):
        fetch(origin.url, tmp_path, cancel=token, limits=PATIENCE)


def test_a_cancelled_transfer_leaves_no_thread_behind(tmp_path: Path) -> None:
    token, before = CancelToken(), {*threading.enumerate()}

    def drip(caller: Caller) -> None:
        caller.send(HALF)
        token.cancel()
        dripping(b"")(caller)

    with raw_origin(drip) as origin:
        with pytest.raises(CancelledError):
            fetch(origin.url, tmp_path, cancel=token, limits=PATIENCE)
        mine = [t for t in {*threading.enumerate()} - before if t.daemon]
        for thread in mine:
            thread.join(60)

    assert not any(thread.is_alive() for thread in mine)


def test_a_connection_that_breaks_often_is_taken_up_as_long_as_more_comes(tmp_path: Path) -> None:
    content = bytes(range(256)) * (5 << 12)

    def answer(caller: Caller) -> None:
        start = int(caller.headers.get("range", "bytes=0-")[6:-1])
        told = [f"Content-Length: {len(content) - start}", 'ETag: "one"']
        if start:
            told.append(f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}")
        status = "206 Partial Content" if start else "200 OK"
        caller.send(message(status, *told, body=content[start : start + (1 << 20)]))

    with raw_origin(answer) as origin:
        assert fetch(origin.url, tmp_path) == content

    assert len(origin.asked) == 5


def test_room_is_asked_for_before_it_is_taken(tmp_path: Path) -> None:
    sizes: list[int] = []
    with raw_origin(answering(message("200 OK", body=b"frame" * 1000))) as origin:
        fetch(origin.url, tmp_path, reserve=sizes.append)

    assert sizes == sorted(sizes)
    assert sizes[-1] == 5000
