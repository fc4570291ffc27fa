"""Encodes as they will be delivered: where keyframes stand, and what manifests are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from vmafx_tune.encoders.registry import all_rows
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.media.ffmpeg import find_ffmpeg
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import EncodeSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.encoders.row import EncoderRow

SOFTWARE = [row for row in all_rows() if not row.is_hardware]
CODECS = {"h264": "avc1.", "hevc": "hvc1.", "av1": "av01.", "vp9": "vp09.", "vvc": "vvc1."}
each_software = pytest.mark.parametrize("row", SOFTWARE, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def encoder() -> FfmpegEncoder:
    runner = ProcessRunner()
    return FfmpegEncoder(find_ffmpeg(None, runner, {}), runner)


def packets_of(path: Path) -> list[tuple[int, bool]]:
    """List each packet's frame number and whether it is a keyframe, in decoding order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        rate, base = stream.average_rate, stream.time_base
        assert rate is not None
        assert base is not None
        times = [round((packet.pts or 0) * base * rate) for packet in packets]
        return [(time - min(times), p.is_keyframe) for time, p in zip(times, packets, strict=True)]


def keyframes_of(path: Path) -> list[int]:
    return [number for number, is_key in packets_of(path) if is_key]


# A cut in the middle of a GOP, where an encoder left alone would put a keyframe.
@each_software
def test_keyframes_stand_a_gop_apart_and_at_no_scene_cut(
    row: EncoderRow, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.two_halves(cut=7))
    target = tmp_path / "out.mp4"
    spec = EncodeSpec(source, row.name, row.knob.default, preset="fast", gop_frames=5)
    encoder.encode(spec, target)
    assert keyframes_of(target) == [0, 5, 10]


@each_software
def test_gops_are_closed_so_that_nothing_before_a_keyframe_is_decoded_after_it(
    row: EncoderRow, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.moving())
    target = tmp_path / "out.mp4"
    encoder.encode(EncodeSpec(source, row.name, row.knob.default, gop_frames=5), target)
    packets = packets_of(target)
    starts = [place for place, (_, is_key) in enumerate(packets) if is_key]
    for start in starts:
        assert min(number for number, _ in packets[start:]) == packets[start][0]


@each_software
def test_a_clip_shorter_than_the_gop_has_one_keyframe(
    row: EncoderRow, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.two_halves())
    target = tmp_path / "out.mp4"
    spec = EncodeSpec(source, row.name, row.knob.default, preset="ultrafast", gop_frames=50)
    encoder.encode(spec, target)
    assert keyframes_of(target) == [0]


@each_software
def test_an_encode_tells_its_codec_string_and_its_peak_bitrate(
    row: EncoderRow, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.moving())
    spec = EncodeSpec(source, row.name, row.knob.default, preset="ultrafast", gop_frames=5)
    outcome = encoder.encode(spec, tmp_path / "out.mp4")
    assert outcome.codecs.startswith(CODECS[row.codec])
    assert outcome.peak_bitrate_kbps is not None
    assert outcome.peak_bitrate_kbps >= outcome.bitrate_kbps * (1 - 1e-9)
