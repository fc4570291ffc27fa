"""Codec strings from configuration records, in MP4 files that hold nothing else.

The expected strings are the examples of the specifications and of Apple's, or were read off the
records by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.codec_strings import codec_string

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory


def box(kind: str, *content: bytes) -> bytes:
    data = b"".join(content)
    return (8 + len(data)).to_bytes(4, "big") + kind.encode() + data


def track(handler: str, sample_entry: bytes) -> bytes:
    descriptions = box("stsd", bytes(4), (1).to_bytes(4, "big"), sample_entry)
    media_information = box("minf", box("stbl", descriptions))
    return box(
        "trak", box("mdia", box("hdlr", bytes(8), handler.encode(), bytes(13)), media_information)
    )


def mp4(path: Path, kind: str, *boxes: bytes) -> Path:
    """Write an MP4 of one video track, after one of sound."""
    video = track("vide", box(kind, bytes(78), *boxes))
    movie = box("moov", box("mvhd", bytes(100)), track("soun", box("mp4a", bytes(28))), video)
    path.write_bytes(box("ftyp", b"isom", bytes(4)) + box("mdat", bytes(1000)) + movie)
    return path


def nclx(primaries: int, transfer: int, matrix: int, *, full: bool = False) -> bytes:
    codes = b"".join(code.to_bytes(2, "big") for code in (primaries, transfer, matrix))
    return box("colr", b"nclx", codes, bytes([full << 7]))


def hvcc(record: str) -> bytes:
    return box("hvcC", bytes.fromhex(record))


@pytest.mark.parametrize(
    ("record", "expected"),
    [("01640028ff", "avc1.640028"), ("0142c00cff", "avc1.42c00c"), ("016e000cff", "avc1.6e000c")],
)
def test_avc_tells_profile_constraints_and_level(
    record: str, expected: str, tmp_path: Path
) -> None:
    path = mp4(tmp_path / "a.mp4", "avc1", box("avcC", bytes.fromhex(record)))
    assert codec_string(path) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("0101600000009000000000005d", "hvc1.1.6.L93.90"),
        ("012220000000b0000000000099", "hvc1.2.4.H153.b0"),
        ("0104080000009d08000000003c", "hvc1.4.10.L60.9d.8"),
        ("0141800000000000000000001e", "hvc1.A1.1.L30"),
    ],
)
def test_hevc_tells_profile_compatibility_tier_level_and_constraints(
    record: str, expected: str, tmp_path: Path
) -> None:
    assert codec_string(mp4(tmp_path / "a.mp4", "hvc1", hvcc(record))) == expected


def test_the_tag_is_the_one_in_the_file(tmp_path: Path) -> None:
    path = mp4(tmp_path / "a.mp4", "hev1", hvcc("0101600000009000000000005d"))
    assert codec_string(path) == "hev1.1.6.L93.90"


@pytest.mark.parametrize(
    ("record", "colour", "expected"),
    [
        ("81040c00", b"", "av01.0.04M.08"),
        ("81044c00", nclx(1, 1, 1), "av01.0.04M.10"),
        ("81044e00", nclx(9, 16, 9), "av01.0.04M.10.0.112.09.16.09.0"),
        ("81550f00", nclx(1, 1, 1, full=True), "av01.2.21M.08.0.113.01.01.01.1"),
        ("814de000", b"", "av01.2.13H.12.0.000.02.02.02.0"),
        ("81041c00", b"", "av01.0.04M.08.1.110.02.02.02.0"),
    ],
)
def test_av1_tells_profile_level_tier_depth_and_what_is_not_the_default(
    record: str, colour: bytes, expected: str, tmp_path: Path
) -> None:
    path = mp4(tmp_path / "a.mp4", "av01", box("av1C", bytes.fromhex(record)), colour)
    assert codec_string(path) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("001f82020202", "vp09.00.31.08"),
        ("001f80010101", "vp09.00.31.08"),
        ("020aa2091009", "vp09.02.10.10.01.09.16.09.00"),
        ("020aa3091009", "vp09.02.10.10.01.09.16.09.01"),
        ("010b86020202", "vp09.01.11.08.03.02.02.02.00"),
    ],
)
def test_vp9_tells_profile_level_depth_and_what_is_not_the_default(
    record: str, expected: str, tmp_path: Path
) -> None:
    content = bytes.fromhex("01000000" + record + "0000")
    assert codec_string(mp4(tmp_path / "a.mp4", "vp09", box("vpcC", content))) == expected


@pytest.mark.parametrize(
    ("profile_tier_level", "expected"),
    [
        ("01022080", "vvc1.1.L32.CQA"),
        ("01033300", "vvc1.1.H51"),
        ("030233800001", "vvc1.1.L51.CQAAAC"),
    ],
)
def test_vvc_tells_profile_tier_level_and_constraints(
    profile_tier_level: str, expected: str, tmp_path: Path
) -> None:
    content = bytes.fromhex("00000000ff00655f" + profile_tier_level)
    assert codec_string(mp4(tmp_path / "a.mp4", "vvc1", box("vvcC", content))) == expected


@pytest.mark.parametrize(
    ("kind", "boxes"),
    [
        ("avc1", [box("avcC", b"\x01d")]),
        ("av01", []),
        ("vp09", [box("vpcC", bytes(5))]),
        ("vvc1", [box("vvcC", bytes.fromhex("00000000fe00"))]),
    ],
)
def test_an_incomplete_record_is_refused_by_its_name(
    kind: str, boxes: list[bytes], tmp_path: Path
) -> None:
    path = mp4(tmp_path / "a.mp4", kind, *boxes)
    with pytest.raises(
        UnreadableSourceError, match=rf"'{kind}' video without a complete '\w+' box"
    ):
        codec_string(path)


def test_another_codec_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match=r"contains 'mp4v' video.*avc1, avc3, hvc1"):
        codec_string(mp4(tmp_path / "a.mp4", "mp4v"))


def test_a_long_box_before_the_index_is_skipped(tmp_path: Path) -> None:
    path = mp4(tmp_path / "a.mp4", "avc1", box("avcC", bytes.fromhex("01640028")))
    long_box = b"\0\0\0\1free" + (16 + 32).to_bytes(8, "big") + bytes(32)
    path.write_bytes(long_box + path.read_bytes())
    assert codec_string(path) == "avc1.640028"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "is not an MP4 with a video track"),
        ("audio_only", "is not an MP4 with a video track"),
        ("without_index", "is not an MP4 with a video track"),
        ("empty", "is empty"),
    ],
)
def test_a_file_without_a_video_track_is_refused(
    kind: str, message: str, clips: ClipFactory
) -> None:
    with pytest.raises(UnreadableSourceError, match=message):
        codec_string(getattr(clips, kind)())


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="does not exist"):
        codec_string(tmp_path / "nothing.mp4")


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\0\0\0\4", b"\0\0\0\1"])
def test_a_box_that_ends_before_it_begins_does_no_harm(size: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(size + b"free" + bytes(8))
    with pytest.raises(UnreadableSourceError, match="is not an MP4"):
        codec_string(path)
