"""Files whose headers lie about sizes, or are endless: none costs more than its bytes."""

from __future__ import annotations

import io
import random
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.completeness import check_complete
from vmafx_tune.media.matroska import cropped_margins, promised_end
from vmafx_tune.media.mp4_boxes import video_sample_entry
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory

EBML_HEAD = bytes.fromhex("1a45dfa380")
# Of unknown size, as a live recording has it.
SEGMENT = bytes.fromhex("18538067ff")
TRACKS = bytes.fromhex("1654ae6b")
READ_AT_ONCE = 16


class Counting(io.BytesIO):
    """Counts the bytes that are read."""

    n_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        Counting.n_read += len(data)
        return data


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    real: Any = Path.open

    def opened(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> IO[Any]:
        file: IO[Any] = real(path, mode, *arguments, **named)
        if mode != "rb":
            return file
        with file:
            return Counting(file.read())

    monkeypatch.setattr(Path, "open", opened)
    return Counting


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def with_movie(clip: Path, target: Path, change: Any) -> Path:
    """Copy an MP4 whose index is at its end; `change` writes that box anew from its content."""
    data = clip.read_bytes()
    at = data.index(b"moov") - 4
    size = int.from_bytes(data[at : at + 4])
    target.write_bytes(data[:at] + change(data[at + 8 : at + size]) + data[at + size :])
    return target


@pytest.fixture
def mp4(clips: ClipFactory) -> Path:
    return clips.moving()


def test_boxes_cost_a_header_each_however_many_there_are(
    mp4: Path, tmp_path: Path, counted: type[Counting]
) -> None:
    n_boxes = 20_000
    target = with_movie(
        mp4, tmp_path / "empty.mp4", lambda movie: box(b"moov", box(b"free") * n_boxes + movie)
    )
    counted.n_read = 0
    assert video_sample_entry(target).kind == "avc1"
    assert counted.n_read < READ_AT_ONCE * (n_boxes + 1000)


def test_what_is_not_asked_for_is_not_read(mp4: Path, tmp_path: Path) -> None:
    n_bytes = 8 << 20
    target = with_movie(
        mp4, tmp_path / "long.mp4", lambda movie: box(b"moov", box(b"free", bytes(n_bytes)) + movie)
    )
    tracemalloc.start()
    try:
        assert video_sample_entry(target).kind == "avc1"
        assert tracemalloc.get_traced_memory()[1] < n_bytes / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1 << 62, (1 << 64) - 1, (1 << 63) - 1])
def test_a_box_that_claims_more_than_there_is_ends_with_its_file(
    size: int, mp4: Path, tmp_path: Path
) -> None:
    def claim(content: bytes) -> bytes:
        return b"\0\0\0\1moov" + size.to_bytes(8) + content

    hostile = with_movie(mp4, tmp_path / "huge.mp4", claim)
    assert video_sample_entry(hostile).kind == "avc1"
    with suppress(UnreadableSourceError):
        probe_source(hostile)


@pytest.mark.parametrize("size", [1 << 62, (1 << 64) - 1, (1 << 63) - 1])
def test_a_box_before_the_index_that_claims_more_than_there_is_is_one_sentence(
    size: int, mp4: Path, tmp_path: Path
) -> None:
    start = box(b"ftyp", b"isom\0\0\0\0")
    hostile = tmp_path / "before.mp4"
    hostile.write_bytes(start + b"\0\0\0\1free" + size.to_bytes(8) + bytes(1000))
    with pytest.raises(UnreadableSourceError, match="cut short"):
        probe_source(hostile)
    with pytest.raises(UnreadableSourceError, match="not an MP4"):
        video_sample_entry(hostile)


def ebml(name: bytes, content: bytes, size: int | None = None) -> bytes:
    claimed = len(content) if size is None else size
    return name + (claimed | 1 << 56).to_bytes(8) + content


@pytest.mark.parametrize("size", [1 << 40, (1 << 56) - 2])
def test_an_element_that_claims_more_than_there_is_makes_its_file_cut_short(
    size: int, tmp_path: Path
) -> None:
    hostile = tmp_path / "huge.mkv"
    head = EBML_HEAD + SEGMENT + ebml(b"\xec", b"", size)
    hostile.write_bytes(head)
    assert promised_end(hostile) == len(head) + size
    with pytest.raises(UnreadableSourceError, match="cut short"):
        check_complete(hostile, head, None)


def test_a_number_of_a_matroska_file_has_eight_bytes_at_most(tmp_path: Path) -> None:
    video = ebml(b"\x54\xcc", b"\xff" * 10_000)
    track = ebml(b"\xae", ebml(b"\x83", b"\1") + ebml(b"\xe0", video))
    hostile = tmp_path / "long.mkv"
    hostile.write_bytes(EBML_HEAD + SEGMENT + ebml(TRACKS, track))
    assert max(cropped_margins(hostile)) < 1 << 64


def test_elements_cost_what_they_have_in_bytes(tmp_path: Path, counted: type[Counting]) -> None:
    hostile = tmp_path / "many.mkv"
    size_bytes = hostile.write_bytes(EBML_HEAD + SEGMENT + b"\xec\x80" * 20_000)
    counted.n_read = 0
    promised_end(hostile)
    assert 0 < counted.n_read <= size_bytes


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_damaged_header_is_an_error_of_ours_or_none(
    suffix: str, clips: ClipFactory, tmp_path: Path
) -> None:
    data = clips.moving(suffix=f".{suffix}").read_bytes()
    dice = random.Random(12)
    hostile = tmp_path / f"changed.{suffix}"
    read = {"mp4": (video_sample_entry,), "mkv": (cropped_margins, promised_end)}[suffix]
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(changed) - 8)
            changed[at : at + 8] = dice.choice((bytes(8), b"\xff" * 8, dice.randbytes(8)))
        hostile.write_bytes(changed[: dice.randint(1, len(changed))])
        for function in read:
            with suppress(UnreadableSourceError):
                function(hostile)
