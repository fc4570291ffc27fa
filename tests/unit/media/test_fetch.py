"""Copies of what is at a URL: whole, once, and the right one."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.origin import Origin, serving
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, OutputError, UnreadableSourceError
from vmafx_tune.media import fetch
from vmafx_tune.media.fetch import SourceCache, public_url
from vmafx_tune.parsing import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOMY = 1 << 30


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.0)
    with serving(Origin()) as served:
        yield served


def cache(folder: Path, limit_bytes: int = ROOMY) -> SourceCache:
    return SourceCache(CancelToken(), folder, limit_bytes)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def test_a_copy_is_whole_and_has_a_name_that_tells_what_it_is(
    origin: Origin, tmp_path: Path
) -> None:
    path = cache(tmp_path).current(origin.url)

    assert path.read_bytes() == origin.content
    assert path.name == "My_clip.mp4"
    assert leftovers(tmp_path) == []


def test_what_the_server_calls_unchanged_is_not_sent_again(origin: Origin, tmp_path: Path) -> None:
    first = cache(tmp_path).current(origin.url)
    second = cache(tmp_path).current(f"{origin.url}?X-Amz-Signature=another")

    assert first == second
    assert origin.asked[1]["If-None-Match"] == '"one"'
    assert len(origin.asked) == 2


def test_what_has_changed_is_fetched_anew(origin: Origin, tmp_path: Path) -> None:
    cache(tmp_path).current(origin.url)
    origin.content, origin.tag = b"other", '"two"'

    assert cache(tmp_path).current(origin.url).read_bytes() == b"other"


def test_what_a_server_does_not_vouch_for_is_fetched_each_time(
    origin: Origin, tmp_path: Path
) -> None:
    origin.tag = None
    cache(tmp_path).current(origin.url)
    origin.content = b"other"

    assert cache(tmp_path).current(origin.url).read_bytes() == b"other"


def test_a_transfer_that_is_cut_goes_on_where_it_was(origin: Origin, tmp_path: Path) -> None:
    origin.cut_after = 2000

    assert cache(tmp_path).current(origin.url).read_bytes() == origin.content
    assert origin.asked[1]["Range"] == "bytes=2000-"


@pytest.mark.parametrize("tag", [None, '"one"'])
def test_a_transfer_that_cannot_go_on_begins_again(
    origin: Origin, tmp_path: Path, tag: str | None
) -> None:
    origin.cut_after, origin.tag, origin.ignores_ranges = 2000, tag, True

    assert cache(tmp_path).current(origin.url).read_bytes() == origin.content


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_refusal_is_a_sentence_without_the_signature(
    origin: Origin, tmp_path: Path, status: int
) -> None:
    origin.status = status
    with pytest.raises(UnreadableSourceError, match=f"the server answers {status}") as caught:
        cache(tmp_path).current(f"{origin.url}?X-Amz-Signature=secret")

    assert "secret" not in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_server_that_is_down_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.0)
    with pytest.raises(UnreadableSourceError, match="Connection refused"):
        cache(tmp_path).current("http://127.0.0.1:1/clip.mp4")


def test_many_who_want_the_same_content_fetch_it_once(origin: Origin, tmp_path: Path) -> None:
    digest = hashlib.sha256(origin.content).hexdigest()

    def ask(_: int) -> Path:
        return cache(tmp_path).with_content(origin.url, digest, digest_of)

    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(ask, range(4)))

    assert len(paths) == len(origin.asked) == 1


def test_content_that_is_not_the_one_expected_is_refused(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="its content has changed"):
        cache(tmp_path).with_content(origin.url, "0" * 64, digest_of)

    assert leftovers(tmp_path) == []


def test_a_copy_that_was_damaged_is_fetched_anew(origin: Origin, tmp_path: Path) -> None:
    digest = hashlib.sha256(origin.content).hexdigest()
    path = cache(tmp_path).with_content(origin.url, digest, digest_of)
    path.write_bytes(b"damaged")

    assert cache(tmp_path).with_content(origin.url, digest, digest_of) == path
    assert path.read_bytes() == origin.content


def test_copies_that_were_not_used_for_long_make_room(origin: Origin, tmp_path: Path) -> None:
    old = cache(tmp_path).current(origin.url)
    os.utime(old, (0, 0))
    origin.content = b"other" * 1000
    new = cache(tmp_path, limit_bytes=6000).current(f"{origin.url}?version=2")

    assert new.exists()
    assert not old.exists()


def test_a_source_larger_than_all_the_room_is_refused(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="VMAFX_SOURCES_LIMIT"):
        cache(tmp_path, limit_bytes=100).current(origin.url)


def test_a_folder_that_cannot_be_written_is_a_sentence(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="VMAFX_CACHE_DIR"):
        cache(tmp_path / "file").current(origin.url)


def test_a_cancelled_transfer_leaves_nothing(origin: Origin, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        SourceCache(token, tmp_path, ROOMY).current(origin.url)

    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "answer"),
    [("https://a/b.mp4", True), ("HTTP://a/b.mp4", True), ("/a/b.mp4", False), ("file:/a", False)],
)
def test_urls_are_told_from_files(name: str, answer: bool) -> None:
    assert is_url(name) is answer


def test_what_is_secret_in_a_url_is_not_told() -> None:
    assert public_url("https://user:pass@host/a.mp4?sig=x#y") == "https://host/a.mp4"
