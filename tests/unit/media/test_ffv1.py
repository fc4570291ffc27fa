from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from vmafx_tune.media.container import has_valid_checksums

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory


def first_frame(clips: ClipFactory, name: str, *options: str) -> bytes:
    path = clips.remade(name, clips.moving(), ("-c:v", "ffv1", *options))
    with av.open(path) as container:
        return bytes(next(container.demux(video=0)))


@pytest.mark.parametrize("slices", ["4", "12"])
def test_a_flipped_bit_anywhere_fails_the_checksums(clips: ClipFactory, slices: str) -> None:
    frame = first_frame(clips, f"ffv1-{slices}.mkv", "-level", "3", "-slices", slices)
    assert has_valid_checksums(frame)

    for place in range(0, len(frame) - 8, len(frame) // 40):
        flipped = bytearray(frame)
        flipped[place] ^= 1
        assert not has_valid_checksums(bytes(flipped))


@pytest.mark.parametrize("options", [("-level", "1"), ("-level", "3", "-slicecrc", "0")])
def test_a_frame_without_checksums_is_not_judged(
    clips: ClipFactory, options: tuple[str, ...]
) -> None:
    assert has_valid_checksums(first_frame(clips, f"ffv1{''.join(options)}.mkv", *options))


def test_what_is_not_a_frame_is_not_judged() -> None:
    assert has_valid_checksums(b"")
    assert has_valid_checksums(b"\xff" * 100)
