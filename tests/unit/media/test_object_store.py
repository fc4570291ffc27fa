"""Objects of stores, of which fsspec's memory is one."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import SourceSupportError, UnreadableSourceError
from vmafx_tune.media import object_store
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.http_exchange import TransferError, TransferLimits
from vmafx_tune.media.object_store import open_object, require_packages
from vmafx_tune.media.source_cache import SourceCache, prune_sources
from vmafx_tune.media.transfer import Transfer
from vmafx_tune.media.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

fsspec = pytest.importorskip("fsspec", reason="fsspec, which reads stores, is not installed")
Memory: Any = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem

KEY = "/films/a b?#.mp4"
URL = parse_url(f"gs:/{KEY}")
CONTENT = bytes(range(256)) * 40


class Store(Memory):  # type: ignore[misc] # fsspec has no types
    """A store with versions, whose calls may be made to fail."""

    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    fails: ClassVar[list[Exception]] = []
    has_tags = True

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("gs:/")))

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if self.fails:
            raise self.fails.pop(0)
        found = super().info(path, **options)
        if self.has_tags and found["type"] == "file":
            found["ETag"] = f'"{hashlib.sha256(self.cat(path)).hexdigest()}"'
        return dict(found)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    store = Store(skip_instance_cache=True)
    Store.store, Store.pseudo_dirs, Store.fails, Store.has_tags = {}, [""], [], True
    store.pipe(KEY, CONTENT)
    monkeypatch.setattr(fsspec, "filesystem", lambda _scheme: store)
    return store


def content_of(**headers: str) -> tuple[int, bytes, str]:
    answer = open_object(URL, {name.replace("_", "-"): value for name, value in headers.items()})
    blocks = iter(lambda: answer.read1(1000, decode_content=False), b"")
    content = b"".join(blocks)
    answer.close()
    return answer.status, content, answer.headers.get("ETag", "")


def test_an_object_is_given_whole() -> None:
    answer = open_object(URL, {})

    assert answer.status == 200
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert content_of()[1] == CONTENT


def test_an_object_of_a_known_version_is_not_given_again(store: Store) -> None:
    tag = content_of()[2]
    assert content_of(If_None_Match=tag) == (304, b"", tag)
    store.pipe(KEY, CONTENT[1:])

    assert content_of(If_None_Match=tag)[:2] == (200, CONTENT[1:])


def test_the_rest_of_an_object_is_given_of_the_same_version_only(store: Store) -> None:
    tag = content_of()[2]
    answer = open_object(URL, {"Range": "bytes=1000-", "If-Range": tag})
    last = len(CONTENT) - 1
    assert answer.headers["Content-Range"] == f"bytes 1000-{last}/{len(CONTENT)}"
    assert content_of(Range="bytes=1000-", If_Range=tag)[:2] == (206, CONTENT[1000:])
    store.pipe(KEY, CONTENT[::-1])

    assert content_of(Range="bytes=1000-", If_Range=tag)[:2] == (200, CONTENT[::-1])


def test_a_store_without_versions_gives_all() -> None:
    Store.has_tags = False

    assert content_of(Range="bytes=1000-", If_Range="") == (200, CONTENT, "")


def test_bytes_of_an_object_are_given_alone() -> None:
    answer = open_object(URL, {"Range": "bytes=10-19"})

    assert answer.headers["Content-Range"] == f"bytes 10-19/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == "10"
    assert content_of(Range="bytes=10-19")[:2] == (206, CONTENT[10:20])
    assert content_of(Range=f"bytes={len(CONTENT)}-")[:2] == (416, b"")


class NoCredentialsError(Exception):
    """As botocore calls it."""


class ClientError(Exception):
    """As botocore's."""

    response: ClassVar = {"Error": {"Code": "SlowDown", "Message": "secret"}}


@pytest.mark.parametrize(
    ("error", "reason", "temporary"),
    [
        (FileNotFoundError("secret"), "no such object", False),
        (PermissionError("secret"), "do not allow", False),
        (NoCredentialsError("secret"), "no credentials were found", False),
        (ClientError("secret"), "fails with SlowDown", True),
        (ValueError("secret"), "fails with ValueError", True),
    ],
)
def test_failures_are_clauses_of_ours(error: Exception, reason: str, temporary: bool) -> None:
    Store.fails = [error]

    with pytest.raises(TransferError, match=reason) as caught:
        open_object(URL, {})
    assert caught.value.temporary is temporary
    assert "secret" not in str(caught.value)


def test_what_is_no_object_is_missing() -> None:
    with pytest.raises(TransferError, match="no such object"):
        open_object(parse_url("gs://films/b.mp4"), {})
    Store.store["/films/folder/a.mp4"] = Store.store[KEY]
    with pytest.raises(TransferError, match="no such object"):
        open_object(parse_url("gs://films/folder"), {})


def transferred(target: Path) -> Transfer:
    transfer = Transfer(
        URL,
        target,
        cancel=CancelToken(),
        reserve=lambda _: None,
        limits=TransferLimits(tries=3, pause_s=0.0),
    )
    transfer.run()
    return transfer


def breaking(store: Store, then: Callable[[], None]) -> None:
    """Have the first reader of the object fail in the middle."""
    really_open, opened = store.open, []

    def open_(path: str, *arguments: Any, **options: Any) -> Any:
        file = really_open(path, *arguments, **options)
        opened.append(file)
        if len(opened) == 1:
            read, n_reads = file.read, []

            def fail(size: int) -> bytes:
                n_reads.append(1)
                if len(n_reads) == 1:
                    return bytes(read(min(1000, size)))
                then()
                raise OSError

            file = type("Broken", (), {"read": staticmethod(fail), "seek": file.seek})()
            file.close = lambda: None
        return file

    store.open = open_


def test_a_transfer_that_breaks_off_goes_on(store: Store, tmp_path: Path) -> None:
    breaking(store, lambda: None)
    transfer = transferred(tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == CONTENT
    assert transfer.run(transfer.validator) is False


def test_a_transfer_begins_again_where_the_object_was_replaced(
    store: Store, tmp_path: Path
) -> None:
    breaking(store, lambda: store.pipe(KEY, CONTENT[::-1]))
    transferred(tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == CONTENT[::-1]


def test_an_object_that_is_missing_is_a_sentence(tmp_path: Path, store: Store) -> None:
    store.rm(KEY)
    with pytest.raises(UnreadableSourceError, match="'gs://films/a b' cannot be downloaded: there"):
        transferred(tmp_path / "copy")


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_missing_packages_are_a_sentence_with_the_command(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "find_spec", lambda _: None)
    require_packages(parse_url("https://host/a.mp4"))

    with pytest.raises(SourceSupportError, match=r"pip install 'vmafx-tune\[remote\]'"):
        require_packages(parse_url(f"{scheme}://bucket/a.mp4"))


RANGES = ((0, 2000), (3000, 7000))


def with_holes(content: bytes) -> bytes:
    kept = bytearray(len(content))
    for first, end in RANGES:
        kept[first:end] = content[first:end]
    return bytes(kept)


def digest_of(content: bytes, folder: Path) -> str:
    (folder / "film").write_bytes(content)
    return FileFacts().digest(folder / "film", RANGES)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SourceCache]:
    limits = TransferLimits(tries=3, pause_s=0.0)
    with closing(SourceCache(CancelToken(), tmp_path / "sources", 6000, limits)) as cache:
        yield cache


def needed(cache: SourceCache, content: bytes, folder: Path) -> Path:
    return cache.with_ranges(URL.address, digest_of(content, folder), RANGES, len(content))


def test_a_copy_has_the_bytes_that_are_needed_at_their_places(
    store: Store, cache: SourceCache, tmp_path: Path
) -> None:
    path = needed(cache, CONTENT, tmp_path)
    assert path.read_bytes() == with_holes(CONTENT)
    store.rm(KEY)

    assert needed(cache, CONTENT, tmp_path) == path
    assert [found.name for found in (tmp_path / "sources").rglob("*.part")] == []


def test_a_transfer_of_ranges_that_breaks_off_goes_on(
    store: Store, cache: SourceCache, tmp_path: Path
) -> None:
    breaking(store, lambda: None)

    assert needed(cache, CONTENT, tmp_path).read_bytes() == with_holes(CONTENT)


@pytest.mark.parametrize(
    "changed",
    [CONTENT[::-1], CONTENT[1:], CONTENT[:50], CONTENT + b"more"],
    ids=["other", "shorter", "cut", "longer"],
)
def test_bytes_of_an_object_that_was_replaced_are_refused(
    store: Store, cache: SourceCache, tmp_path: Path, changed: bytes
) -> None:
    store.pipe(KEY, changed)
    with pytest.raises(UnreadableSourceError, match="returns other content here than it did"):
        needed(cache, CONTENT, tmp_path)
    store.pipe(KEY, CONTENT)
    breaking(store, lambda: store.pipe(KEY, changed))
    with pytest.raises(UnreadableSourceError, match="returns other content here than it did"):
        needed(cache, CONTENT, tmp_path)

    assert list((tmp_path / "sources").glob("*/*")) == []


def test_holes_take_no_room(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMAFX_CACHE_DIR", str(tmp_path))
    content = CONTENT * 1000
    store.pipe(KEY, content)
    (tmp_path / "film").write_bytes(content)
    for ranges in (((0, 20_000),), ((1 << 20, (1 << 20) + 20_000),)):
        digest = FileFacts().digest(tmp_path / "film", ranges)
        with closing(SourceCache(CancelToken())) as cache:
            cache.with_ranges(URL.address, digest, ranges, len(content))
    kept = []
    for limit in ("100K", "30K"):
        monkeypatch.setenv("VMAFX_SOURCES_LIMIT", limit)
        prune_sources()
        kept.append(len(list((tmp_path / "sources").glob("*/*"))))

    assert kept == [2, 1]
