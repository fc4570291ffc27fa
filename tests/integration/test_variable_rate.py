"""Times of variable frame rate: as the source has them, in probes and in printed commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from vmafx_tune import EncodingOptions, ToolOptions, search
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

ENCODERS = ("libx264", "libx265", "libsvtav1", "libaom-av1", "libvpx-vp9", "libvvenc")
TOLERANCE_S = 0.001


def times_s(path: Path) -> list[float]:
    """Presentation times, from the first frame on."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        ticks = [packet.pts or 0 for packet in container.demux(stream) if packet.size]
        times = [float(tick * (stream.time_base or 0)) for tick in sorted(ticks)]
    return [time - times[0] for time in times]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("kind", ["jitter", "pause", "close"])
def test_the_printed_command_keeps_every_time_within_a_millisecond_and_every_byte(
    clips: ClipFactory, tmp_path: Path, encoder: str, kind: str
) -> None:
    source = clips.uneven(kind, ".mp4" if kind == "jitter" else ".mkv")
    result = search(
        source,
        encoder,
        30,
        encoding=EncodingOptions(preset="ultrafast", max_iter=1),
        tools=ToolOptions(cache=False),
    )
    assert result.source.variable_frame_rate
    assert result.answer is not None

    again = tmp_path / "again.mp4"
    clips.run(*result.answer.command[3:-1], str(again))

    assert measure_packets(again).size_bytes == result.answer.size_bytes
    assert times_s(again) == pytest.approx(times_s(source), abs=TOLERANCE_S)


@pytest.mark.parametrize(("kind", "length_s"), [("pause", 0.957), ("close", 0.48)])
def test_the_bitrate_is_of_the_true_duration(
    clips: ClipFactory, kind: str, length_s: float
) -> None:
    source = clips.uneven(kind)
    options = EncodingOptions(preset="ultrafast", max_iter=1)

    result = search(source, "libx264", 30, encoding=options, tools=ToolOptions(cache=False))

    assert result.source.duration_s == pytest.approx(length_s, abs=0.002)
    assert result.answer is not None
    bits = 8 * result.answer.size_bytes
    assert result.answer.bitrate_kbps == pytest.approx(bits / length_s / 1000, rel=0.005)


def test_the_command_of_a_constant_rate_has_no_clock(clips: ClipFactory) -> None:
    result = search(
        clips.moving(suffix=".mkv"),
        "libvvenc",
        30,
        encoding=EncodingOptions(preset="ultrafast", max_iter=1),
        tools=ToolOptions(cache=False),
    )
    assert result.answer is not None
    assert probe_source(clips.moving()).ticks_per_second is None
    assert not {"-enc_time_base", "-vvenc-params"} & set(result.answer.command)
