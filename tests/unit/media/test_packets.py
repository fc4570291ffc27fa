"""Measuring packets: what they add up to, and files that have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.packets import measure_packets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory


def test_every_packet_of_the_video_is_counted_once(clips: ClipFactory) -> None:
    clip = clips.moving()
    with av.open(str(clip)) as container:
        expected = [packet.size for packet in container.demux(video=0) if packet.size]
    packets = measure_packets(clip)
    assert packets.sizes_bytes == tuple(expected)
    assert (packets.size_bytes, packets.n_packets) == (sum(expected), len(expected))
    assert packets.durations_s == pytest.approx([1 / 25] * len(expected))
    assert len(packets.first) == expected[0]


def test_the_container_and_its_other_streams_do_not_count(clips: ClipFactory) -> None:
    clip = clips.moving()
    both = clips.folder / "with-tone.mp4"
    inputs = ("-i", str(clips.audio_only()), "-i", str(clip))
    clips.run(*inputs, "-map", "0:a", "-map", "1:v", "-c", "copy", str(both))
    assert measure_packets(both).sizes_bytes == measure_packets(clip).sizes_bytes


def test_a_name_that_looks_like_a_protocol_is_read(
    clips: ClipFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    strange = (tmp_path / "http:x.mp4").relative_to(tmp_path)
    strange.write_bytes(clips.moving().read_bytes())
    assert measure_packets(strange).n_packets == 12


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("audio_only", "has no video stream"),
        ("empty", "cannot be read"),
        ("text", "cannot be read"),
        ("without_index", "cannot be read"),
    ],
)
def test_a_file_without_video_packets_is_refused(
    kind: str, message: str, clips: ClipFactory
) -> None:
    path: Path = getattr(clips, kind)()
    with pytest.raises(UnreadableSourceError, match=message) as caught:
        measure_packets(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="No such file or directory"):
        measure_packets(tmp_path / "nothing.mp4")
