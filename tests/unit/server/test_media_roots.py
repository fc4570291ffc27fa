"""Which files are opened, and how messages name them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmafx_tune.errors import MediaNotAllowedError, UnreadableSourceError
from vmafx_tune.server.media_roots import (
    MediaRoots,
    OpenedMedia,
    in_shown_names,
    with_shown_names,
)

WAYS = pytest.mark.parametrize("by_descriptor", [None, False], ids=["usual", "path"])


def content(media: MediaRoots, name: str) -> bytes:
    with media.open(name) as opened:
        assert opened.shown == name
        return opened.path.read_bytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "clip.mp4").write_bytes(b"clip")
    (root / "folder/inner.mp4").write_bytes(b"inner")
    return root


@WAYS
def test_files_of_a_root_are_opened_by_relative_and_absolute_names(
    root: Path, *, by_descriptor: bool | None
) -> None:
    media = MediaRoots([root], by_descriptor=by_descriptor)
    names = ("clip.mp4", "./clip.mp4", f"{root}/clip.mp4", f"{root}//clip.mp4")
    assert [content(media, name) for name in names] == [b"clip"] * 4
    assert content(media, "folder/inner.mp4") == b"inner"


@WAYS
def test_links_that_stay_within_the_roots_are_followed(
    root: Path, *, by_descriptor: bool | None
) -> None:
    (root / "link.mp4").symlink_to("folder/inner.mp4")
    (root / "other").symlink_to(root / "folder")
    media = MediaRoots([root], by_descriptor=by_descriptor)
    assert content(media, "link.mp4") == content(media, "other/inner.mp4") == b"inner"


@WAYS
def test_a_root_may_itself_be_a_link_and_may_be_led_elsewhere(
    root: Path, tmp_path: Path, *, by_descriptor: bool | None
) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    media = MediaRoots([link], by_descriptor=by_descriptor)
    assert content(media, "clip.mp4") == b"clip"
    assert content(media, f"{link}/clip.mp4") == content(media, f"{root}/clip.mp4") == b"clip"
    link.unlink()
    link.symlink_to(root / "folder")
    assert content(media, "inner.mp4") == b"inner"
    with pytest.raises(MediaNotAllowedError):
        content(media, "clip.mp4")


@WAYS
def test_a_root_that_comes_and_goes_is_looked_for_each_time(
    root: Path, tmp_path: Path, *, by_descriptor: bool | None
) -> None:
    media = MediaRoots([tmp_path / "later", root], by_descriptor=by_descriptor)
    assert content(media, "clip.mp4") == b"clip"
    root.rename(tmp_path / "later")
    assert content(media, "clip.mp4") == b"clip"
    (tmp_path / "later").rename(tmp_path / "gone")
    with pytest.raises(MediaNotAllowedError):
        content(media, "clip.mp4")


def test_a_relative_name_is_looked_for_in_each_root_in_turn(root: Path) -> None:
    (root / "folder/clip.mp4").write_bytes(b"second")
    assert content(MediaRoots([root, root / "folder"]), "clip.mp4") == b"clip"
    assert content(MediaRoots([root / "folder", root]), "clip.mp4") == b"second"
    assert content(MediaRoots([root, root / "folder"]), "inner.mp4") == b"inner"


def test_a_relative_root_is_that_of_the_time_when_it_was_given(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    media = MediaRoots([Path("folder")])
    monkeypatch.chdir("/")
    assert content(media, "inner.mp4") == b"inner"


def test_without_a_root_nothing_is_opened(root: Path) -> None:
    with pytest.raises(MediaNotAllowedError):
        content(MediaRoots([]), str(root / "clip.mp4"))


def test_names_that_only_look_odd_are_opened(root: Path) -> None:
    for name in ("10:30 take.mp4", "café.mp4", "日本.mp4", "a\\b.mp4", "x (deleted)", "#1%20.mp4"):
        (root / name).write_bytes(b"odd")
        assert content(MediaRoots([root]), name) == b"odd"


def test_a_file_that_is_deleted_while_open_stays_readable_and_is_not_opened_again(
    root: Path,
) -> None:
    media = MediaRoots([root], by_descriptor=True)
    with media.open("clip.mp4") as opened:
        (root / "clip.mp4").unlink()
        assert opened.path.read_bytes() == b"clip"
    with pytest.raises(MediaNotAllowedError):
        content(media, "clip.mp4")


def test_where_paths_are_judged_a_file_that_was_exchanged_voids_the_result(root: Path) -> None:
    media = MediaRoots([root], by_descriptor=False)
    with pytest.raises(MediaNotAllowedError, match=r"'clip\.mp4'"), media.open("clip.mp4"):
        (root / "folder/inner.mp4").replace(root / "clip.mp4")


def test_no_descriptor_is_left_open(root: Path) -> None:
    def n_open() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    before = n_open()
    for name in ("clip.mp4", "missing.mp4", "folder", "folder/inner.mp4"):
        for by_descriptor in (None, False):
            media = MediaRoots([root], by_descriptor=by_descriptor)
            try:
                content(media, name)
            except MediaNotAllowedError:
                continue
    assert n_open() == before


def test_the_descriptor_is_not_inherited(root: Path) -> None:
    with MediaRoots([root]).open("clip.mp4") as opened:
        assert not os.get_inheritable(opened.fd)


def test_messages_name_files_as_the_client_did() -> None:
    media = [
        OpenedMedia(Path("/proc/7/fd/1"), "a\\1.mp4", 1),
        OpenedMedia(Path("/proc/7/fd/12"), "b.mp4", 12),
    ]
    text = "'/proc/7/fd/12' and 'file:/proc/7/fd/1', not /proc/7/fd/123."
    assert in_shown_names(text, media) == "'b.mp4' and 'a\\1.mp4', not /proc/7/fd/123."


def test_errors_in_the_block_name_files_as_the_client_did() -> None:
    opened = OpenedMedia(Path("/proc/7/fd/1"), "clip.mp4", 1)
    expected = pytest.raises(UnreadableSourceError, match=r"^'clip\.mp4' is empty\.$")
    with expected, with_shown_names(opened):
        raise UnreadableSourceError("'/proc/7/fd/1' is empty.")


def test_an_odd_name_is_shown_escaped_and_short() -> None:
    with pytest.raises(MediaNotAllowedError) as caught, MediaRoots([]).open("\udc80\n\u202e'" * 99):
        pytest.fail("It was opened.")
    message = str(caught.value)
    assert message.startswith("'\\udc80\\n\\u202e'\\udc80")
    assert len(message) < 400
    assert message.isprintable()
