"""Copies of what is at a URL: whole, once, and the right one."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.origin import Origin, serving
from tests.support.programs import wait_until
from tests.support.raw_origin import answering, message, raw_origin
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, OutputError, UnreadableSourceError
from vmafx_tune.media.http_exchange import TransferLimits
from vmafx_tune.media.source_cache import SourceCache, clear_sources, prune_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.raw_origin import Caller

ROOMY = 1 << 30
AT_ONCE = TransferLimits(tries=2, pause_s=0.0)
SAS = "sv=2025-01-05&se=2026-11-29T12%3A00%3A00Z&sr=b&sp=r&sig="


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving(Origin()) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of copies, as commands that look after the cache find it."""
    monkeypatch.setenv("VMAFX_CACHE_DIR", str(tmp_path))
    return tmp_path / "sources"


class OneRun(SourceCache):
    """A cache whose copies nobody uses any more once they were given."""

    def current(self, url: str) -> Path:
        with closing(self):
            return super().current(url)

    def with_content(self, url: str, digest: str) -> Path:
        with closing(self):
            return super().with_content(url, digest)


def cache(folder: Path, limit_bytes: int = ROOMY) -> SourceCache:
    return OneRun(CancelToken(), folder, limit_bytes, AT_ONCE)


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
    second = cache(tmp_path).current(origin.url)

    assert first == second
    assert origin.asked[1]["If-None-Match"] == '"one"'
    assert len(origin.asked) == 2


def test_a_new_signature_does_not_fetch_again(origin: Origin, tmp_path: Path) -> None:
    first = cache(tmp_path).current(f"{origin.url}?{SAS}one")
    second = cache(tmp_path).current(f"{origin.url}?{SAS}two")

    assert first == second
    assert origin.asked[1]["If-None-Match"] == '"one"'


def test_a_new_signature_for_another_version_fetches_that(origin: Origin, tmp_path: Path) -> None:
    cache(tmp_path).current(f"{origin.url}?{SAS}one")
    origin.content, origin.tag = b"other", '"two"'

    assert cache(tmp_path).current(f"{origin.url}?{SAS}two").read_bytes() == b"other"


def test_a_parameter_that_signs_nothing_is_another_source(origin: Origin, tmp_path: Path) -> None:
    cache(tmp_path).current(f"{origin.url}?sig=one")
    cache(tmp_path).current(f"{origin.url}?sig=two")

    assert "If-None-Match" not in origin.asked[1]


@pytest.mark.parametrize(("query", "asks"), [("", True), (f"?{SAS}one", False)])
def test_a_date_tells_versions_apart_only_where_everyone_gets_the_same(
    tmp_path: Path, query: str, asks: bool
) -> None:
    dates = ("Date: Sun, 29 Nov 2026 10:00:00 GMT", "Last-Modified: Sun, 29 Nov 2026 09:00:00 GMT")
    answer = message("200 OK", *dates, "Content-Length: 5", body=b"frame")
    with raw_origin(answering(answer)) as origin:
        for _ in range(2):
            cache(tmp_path).current(f"{origin.url}{query}")

    assert ("if-modified-since" in origin.asked[1].headers) is asks


def test_a_304_for_another_version_is_not_believed(tmp_path: Path) -> None:
    whole = message("200 OK", 'ETag: "one"', "Content-Length: 5", body=b"frame")
    with raw_origin(answering(whole), answering(message("304 Same", 'ETag: "two"'))) as origin:
        cache(tmp_path).current(origin.url)
        with pytest.raises(UnreadableSourceError, match="304 for a different version"):
            cache(tmp_path).current(origin.url)


def test_a_copy_that_a_run_uses_never_changes(origin: Origin, tmp_path: Path) -> None:
    with closing(SourceCache(CancelToken(), tmp_path, 6000, AT_ONCE)) as running:
        path, content = running.current(origin.url), origin.content
        origin.content, origin.tag = b"other" * 1000, '"two"'
        cache(tmp_path, limit_bytes=6000).current(origin.url)

        assert path.read_bytes() == content


def test_a_copy_that_was_changed_is_fetched_anew(origin: Origin, tmp_path: Path) -> None:
    path = cache(tmp_path).current(origin.url)
    path.write_bytes(bytes(len(origin.content)))

    assert cache(tmp_path).current(origin.url).read_bytes() == origin.content


def test_servers_that_vouch_for_nothing_do_not_fill_the_disk(
    origin: Origin, tmp_path: Path
) -> None:
    origin.tag = None
    paths = {cache(tmp_path).current(origin.url) for _ in range(3)}

    assert len(paths) == len(list(tmp_path.glob("*/*"))) == 1


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


def test_a_server_that_is_down_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="Connection refused"):
        cache(tmp_path).current("http://127.0.0.1:1/clip.mp4")


def test_many_who_want_the_same_content_fetch_it_once(origin: Origin, tmp_path: Path) -> None:
    digest = hashlib.sha256(origin.content).hexdigest()

    def ask(_: int) -> Path:
        return cache(tmp_path).with_content(origin.url, digest)

    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(ask, range(4)))

    assert len(paths) == len(origin.asked) == 1


def test_content_that_is_not_the_one_expected_is_refused(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="it has changed"):
        cache(tmp_path).with_content(origin.url, "0" * 64)

    assert leftovers(tmp_path) == []


def test_a_copy_that_was_damaged_is_fetched_anew(origin: Origin, tmp_path: Path) -> None:
    digest = hashlib.sha256(origin.content).hexdigest()
    path = cache(tmp_path).with_content(origin.url, digest)
    path.write_bytes(b"damaged")

    assert cache(tmp_path).with_content(origin.url, digest) == path
    assert path.read_bytes() == origin.content


def test_copies_that_were_not_used_for_long_make_room(origin: Origin, tmp_path: Path) -> None:
    old = cache(tmp_path).current(origin.url)
    os.utime(old.parent, (0, 0))
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


WHOLE = (message("200 OK", "Content-Length: 8", body=b"half"), "current(url)")
PART = (
    message("206 Partial", "Content-Range: bytes 2-9/99", "Content-Length: 8", body=b"half"),
    "with_ranges(url, 64 * '0', ((2, 10),), 99)",
)


@pytest.mark.parametrize("half", [WHOLE, PART])
def test_what_a_killed_process_left_goes_with_the_next_transfer(
    origin: Origin, tmp_path: Path, half: tuple[bytes, str]
) -> None:
    leave_half(tmp_path, *half)
    assert len(leftovers(tmp_path)) == 1

    cache(tmp_path).current(origin.url)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("half", [WHOLE, PART])
@pytest.mark.parametrize("clean", [prune_sources, clear_sources])
def test_what_a_killed_process_left_goes_when_the_cache_is_cleaned(
    folder: Path, clean: Callable[[], None], half: tuple[bytes, str]
) -> None:
    leave_half(folder, *half)
    clean()

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("clean", [prune_sources, clear_sources])
def test_a_transfer_that_is_under_way_survives_cleaning(
    folder: Path, clean: Callable[[], None]
) -> None:
    def answer(caller: Caller) -> None:
        caller.send(message("200 OK", "Content-Length: 8", body=b"half"))
        wait_until(lambda: leftovers(folder) != [])
        clean()
        caller.send(b"half")

    with raw_origin(answer) as origin:
        assert cache(folder).current(origin.url).read_bytes() == b"halfhalf"


def test_a_copy_that_another_run_uses_too_is_kept_for_both(origin: Origin, folder: Path) -> None:
    path = cache(folder).current(origin.url)
    with closing(SourceCache(CancelToken(), folder, ROOMY, AT_ONCE)) as running:
        running.hold(path)
        clear_sources()
        assert path.exists()


def test_files_elsewhere_are_no_copies(folder: Path, tmp_path: Path) -> None:
    with closing(SourceCache(CancelToken(), folder)) as running:
        running.hold(tmp_path / "missing.mp4")


def test_clearing_leaves_copies_that_are_in_use(origin: Origin, folder: Path) -> None:
    with closing(SourceCache(CancelToken(), folder, ROOMY, AT_ONCE)) as running:
        path = running.current(origin.url)
        clear_sources()
        assert path.exists()
    clear_sources()

    assert list(folder.iterdir()) == []


def test_pruning_removes_copies_that_were_not_used_for_long(origin: Origin, folder: Path) -> None:
    path = cache(folder).current(origin.url)
    prune_sources(unused_days=1)
    assert path.exists()

    os.utime(path.parent, (0, 0))
    prune_sources(unused_days=1)
    assert list(folder.iterdir()) == []


def test_pruning_keeps_to_the_limit(
    origin: Origin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache(folder).current(origin.url)
    monkeypatch.setenv("VMAFX_SOURCES_LIMIT", "1K")
    prune_sources()

    assert not path.exists()


def test_two_processes_that_want_the_same_at_once_both_have_it(
    origin: Origin, tmp_path: Path
) -> None:
    program = """
        import sys
        from pathlib import Path
        from vmafx_tune.cancel import CancelToken
        from vmafx_tune.media.source_cache import SourceCache

        print(SourceCache(CancelToken(), Path(sys.argv[2])).current(sys.argv[1]))
    """
    line = [sys.executable, "-c", textwrap.dedent(program), origin.url, str(tmp_path)]
    processes = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {process.communicate()[0].strip() for process in processes}

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [Path(path).read_bytes() for path in paths] == [origin.content]
    assert sum("If-None-Match" not in asked for asked in origin.asked) == 1


def leave_half(folder: Path, answer: bytes, call: str) -> None:
    """Have a process killed in the middle of a transfer."""

    def kill(caller: Caller) -> None:
        caller.send(answer)
        wait_until(lambda: leftovers(folder) != [])
        process.send_signal(signal.SIGKILL)
        process.wait()

    program = f"""
        import sys
        from pathlib import Path
        from vmafx_tune.cancel import CancelToken
        from vmafx_tune.media.source_cache import SourceCache

        url = sys.argv[1]
        SourceCache(CancelToken(), Path(sys.argv[2])).{call}
    """
    with raw_origin(kill) as origin:
        line = [sys.executable, "-c", textwrap.dedent(program), origin.url, str(folder)]
        process = subprocess.Popen(line)
        process.wait()
