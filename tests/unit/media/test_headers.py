from __future__ import annotations

import io
import random
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.headers import (
    check_complete,
    count_y4m_frames,
    cropped_margins,
    ends_early,
    promised_end,
    video_sample_entry,
)
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clips import ClipFactory

EBML_HEADER = b"\x1a\x45\xdf\xa3\x84\x00\x00\x00\x00"
SEGMENT = b"\x18\x53\x80\x67"
Y4M_HEADER = b"YUV4MPEG2 W2 H2 F25:1\n"


def matroska(size_field: bytes, n_bytes: int) -> bytes:
    return EBML_HEADER + SEGMENT + size_field + bytes(n_bytes)


def avi(size: int, n_bytes: int) -> bytes:
    return b"RIFF" + struct.pack("<I", size) + b"AVI " + bytes(n_bytes - 4)


def live_matroska(block: bytes) -> bytes:
    """A segment and a cluster without a size, and a block in it."""
    unknown = b"\x01" + b"\xff" * 7
    blocks = b"\xa3" + block if block else b""
    return EBML_HEADER + SEGMENT + unknown + b"\x1f\x43\xb6\x75" + unknown + blocks


def mxf(footer: int, n_bytes: int) -> bytes:
    key = bytes.fromhex("060e2b34020501010d01020101020400")
    places = bytes.fromhex("00010003") + bytes(4 + 8 + 8) + footer.to_bytes(8, "big")
    head = key + b"\x83\x00\x00\x68" + places
    return head + bytes(n_bytes - len(head))


@pytest.mark.parametrize(
    "data",
    [
        matroska(b"\xe4", 100),
        matroska(b"\x40\x64", 100),
        matroska(b"\x01\x00\x00\x00\x00\x00\x00\x64", 100),
        matroska(b"\xe4", 120),
        matroska(b"\xff", 10),
        matroska(b"\x01" + b"\xff" * 7, 10),
        matroska(b"", 0),
        EBML_HEADER[:5],
        avi(100, 100),
        avi(0, 100),
        avi(0xFFFFFFFF, 100),
        live_matroska(b"\xe4" + bytes(100)),
        live_matroska(b""),
        mxf(footer=100, n_bytes=120),
        mxf(footer=0, n_bytes=60),
        b"anything else",
    ],
)
def test_a_file_as_long_as_its_header_says_is_complete(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)

    check_complete(path, data, index_end=None)


@pytest.mark.parametrize(
    ("data", "promised"),
    [
        (matroska(b"\xe4", 99), 114),
        (matroska(b"\x01\x00\x00\x00\x00\x00\x00\x64", 50), 121),
        (avi(100, 99), 108),
        (live_matroska(b"\xe4" + bytes(99)), 135),
        (mxf(footer=200, n_bytes=100), 214),
    ],
)
def test_a_file_shorter_than_its_header_says_is_cut_short(
    tmp_path: Path, data: bytes, promised: int
) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)

    with pytest.raises(UnreadableSourceError, match=f"promises {promised} bytes.*{len(data)}"):
        check_complete(path, data, index_end=None)


def test_a_file_that_ends_before_the_last_sample_in_its_index_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(100))

    check_complete(path, b"", index_end=100)
    with pytest.raises(UnreadableSourceError, match="cut short"):
        check_complete(path, b"", index_end=101)


def test_y4m_frames_are_counted_whatever_their_headers_hold(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(Y4M_HEADER + b"FRAME\n123456" + b"FRAME Ip\n123456" + b"FRAME\n\n\n\n\n\n\n")

    assert count_y4m_frames(path, picture_bytes=6) == 3


def test_a_y4m_file_that_ends_within_a_frame_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(Y4M_HEADER + b"FRAME\n123456" + b"FRAME\n12345")

    with pytest.raises(UnreadableSourceError, match="ends within frame 1"):
        count_y4m_frames(path, picture_bytes=6)


def test_a_y4m_file_with_something_else_between_its_frames_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(Y4M_HEADER + b"FRAME\n123456" + b"garbage\n")

    with pytest.raises(UnreadableSourceError, match="frame 1 is not followed"):
        count_y4m_frames(path, picture_bytes=6)


def ts(n_bytes: int, packet_bytes: int = 188, sync: int = 0) -> bytes:
    packet = bytes(sync) + b"\x47" + bytes(packet_bytes - sync - 1)
    return (packet * 20)[:n_bytes]


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (ts(188 * 10), False),
        (ts(188 * 10 - 1), True),
        (ts(192 * 10, 192, 4), False),
        (ts(192 * 10 - 1, 192, 4), True),
        (ts(204 * 10, 204), False),
        (b"G" * 3, False),
        (b"OggS\x00\x02" + bytes(50) + b"OggS\x00\x04" + bytes(50), False),
        (b"OggS\x00\x02" + bytes(50) + b"OggS\x00\x00" + bytes(50), True),
    ],
)
def test_a_recording_that_stops_within_a_packet_or_without_an_end_mark_ends_early(
    tmp_path: Path, data: bytes, early: bool
) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)

    assert ends_early(path, data[:4096]) is early


# Boxes on the way to the sample entry, and the bytes of fields before the boxes inside each.
WAY = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8, b"avc1": 78}


def with_aperture(clip: Path, target: Path, *numbers: int) -> Path:
    """Copy an MP4 whose index is at its end, with a clean aperture of these eight numbers."""
    data = bytearray(clip.read_bytes())
    ways, start, end = [], 0, len(data)
    for kind, fields in WAY.items():
        place, size = next((at, n) for at, n, k in boxes(data, start, end) if k == kind)
        ways.append(place)
        start, end = place + 8 + fields, place + size
    box = struct.pack(">I4s8i", 40, b"clap", *numbers)
    data[end:end] = box
    for place in ways:
        (size,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", data, place, size + len(box))
    target.write_bytes(data)
    return target


def boxes(data: bytearray, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        yield start, size, kind
        start += size


def test_a_file_that_shows_a_part_of_its_pictures_is_refused_with_both_sizes(
    clips: ClipFactory, tmp_path: Path
) -> None:
    cropped = with_aperture(clips.moving(), tmp_path / "clip.mp4", 150, 1, 161, 2, 0, 1, 0, 1)
    with pytest.raises(UnreadableSourceError, match="cropped to 150x80 of its 160x90 pictures"):
        probe_source(cropped)


@pytest.mark.parametrize("numbers", [(160, 1, 90, 1, 0, 1, 0, 1), (160, 0, 90, 0, 0, 1, 0, 1)])
def test_an_aperture_as_large_as_the_pictures_or_none_at_all_does_no_harm(
    clips: ClipFactory, tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    whole = with_aperture(clips.moving(), tmp_path / "clip.mp4", *numbers)
    assert probe_source(whole).resolution == probe_source(clips.moving()).resolution


def test_margins_of_a_matroska_file_are_refused_likewise(
    clips: ClipFactory, tmp_path: Path
) -> None:
    # ffmpeg writes the one as the other.
    aperture = with_aperture(clips.moving(), tmp_path / "clip.mp4", 150, 1, 80, 1, 0, 1, 0, 1)
    cropped = tmp_path / "clip.mkv"
    clips.run("-i", str(aperture), "-c", "copy", str(cropped))
    assert cropped_margins(cropped) == (5, 5, 5, 5)
    with pytest.raises(UnreadableSourceError, match="cropped to 150x80 of its 160x90 pictures"):
        probe_source(cropped)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_a_matroska_file_without_margins_is_whole(
    clips: ClipFactory, tmp_path: Path, suffix: str
) -> None:
    codec = ("-c:v", "ffv1") if suffix == ".mkv" else ("-c:v", "libvpx", "-deadline", "realtime")
    whole = tmp_path / f"clip{suffix}"
    clips.run("-i", str(clips.moving()), *codec, str(whole))
    assert cropped_margins(whole) == (0, 0, 0, 0)
    assert probe_source(whole).resolution == probe_source(clips.moving()).resolution


@given(cut=st.integers(0, 2000), damage=st.binary(max_size=40))
def test_a_damaged_matroska_file_has_some_margins_or_none(
    clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory, cut: int, damage: bytes
) -> None:
    data = clips.odd_size().read_bytes()
    damaged = tmp_path_factory.mktemp("damaged") / "clip.mkv"
    damaged.write_bytes(data[:cut] + damage + data[cut + len(damage) :])
    assert len(cropped_margins(damaged)) == 4


EBML_HEAD = bytes.fromhex("1a45dfa380")
# Of unknown size, as a live recording has it.
SEGMENT_ID = bytes.fromhex("18538067ff")
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
    head = EBML_HEAD + SEGMENT_ID + ebml(b"\xec", b"", size)
    hostile.write_bytes(head)
    assert promised_end(hostile) == len(head) + size
    with pytest.raises(UnreadableSourceError, match="cut short"):
        check_complete(hostile, head, None)


def test_a_number_of_a_matroska_file_has_eight_bytes_at_most(tmp_path: Path) -> None:
    video = ebml(b"\x54\xcc", b"\xff" * 10_000)
    track = ebml(b"\xae", ebml(b"\x83", b"\1") + ebml(b"\xe0", video))
    hostile = tmp_path / "long.mkv"
    hostile.write_bytes(EBML_HEAD + SEGMENT_ID + ebml(TRACKS, track))
    assert max(cropped_margins(hostile)) < 1 << 64


def test_elements_cost_what_they_have_in_bytes(tmp_path: Path, counted: type[Counting]) -> None:
    hostile = tmp_path / "many.mkv"
    size_bytes = hostile.write_bytes(EBML_HEAD + SEGMENT_ID + b"\xec\x80" * 20_000)
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
