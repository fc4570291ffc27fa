"""Pictures that a container shows a part of."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.matroska import cropped_margins
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory

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
