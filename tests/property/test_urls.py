"""URLs, whatever they are."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from vmafx_tune.errors import UsageError
from vmafx_tune.media.urls import parse_url, public_url

SCHEMES = st.sampled_from(["http", "https", "HTTP", "ftp", ""])
TEXTS = st.text(st.characters(codec=None), max_size=30)


@given(SCHEMES, TEXTS)
@example("http", "[::1")
@example("http", "\ud800")
@example("http", "a:99999999999999999999")
def test_any_text_is_a_url_or_a_usage_error(scheme: str, rest: str) -> None:
    url = f"{scheme}://{rest}"
    with suppress(UsageError):
        address = parse_url(url).address
        assert address.isascii()
        assert address.isprintable()
        assert parse_url(address).address == address


@given(SCHEMES, TEXTS)
@example("http", "[::1")
@example("http", "x@\ud800\u202e")
def test_any_text_can_be_shown(scheme: str, rest: str) -> None:
    shown = public_url(f"{scheme}://{rest}")
    assert shown.encode()
    assert not {*shown} & {*map(chr, range(32))}


@given(st.text(min_size=8, max_size=20), st.sampled_from(["/a.mp4", ":81/a.mp4", ":99999/", ":x/"]))
def test_an_encoded_password_is_never_shown(password: str, rest: str) -> None:
    secret = quote(password, safe="", errors="surrogatepass")
    url = f"https://user:{secret}@host{rest}?sig={secret}"
    assert secret not in public_url(url)
    with suppress(UsageError):
        assert secret not in parse_url(url).address.partition("?")[0]
