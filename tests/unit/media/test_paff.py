"""H.264 that codes each field of a picture as an access unit, and so as a packet, of its own."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.clips import RATE
from tests.support.paff import PAFF_SIZE, paff_clip
from tests.support.pictures import moving, render
from vmafx_tune.media import probe
from vmafx_tune.media.container import open_source
from vmafx_tune.media.excerpts import ExcerptCutter, decode_excerpt
from vmafx_tune.media.packets import measure_complexity
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

N_FRAMES = 60
SUFFIXES = [".mp4", ".mov", ".mkv", ".ts", ".avi", ".h264"]


def n_packets(path: Path) -> int:
    with av.open(path) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def drawn(first: int, n_frames: int) -> bytes:
    return b"".join(render(moving, i, PAFF_SIZE, "yuv420p") for i in range(first, first + n_frames))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_two_fields_are_one_frame(clips: ClipFactory, suffix: str) -> None:
    path = paff_clip(clips, suffix)

    assert n_packets(path) == 2 * N_FRAMES
    source = probe_source(path)
    assert (source.n_frames, source.frame_rate, source.interlaced) == (N_FRAMES, RATE, True)
    assert (source.variable_frame_rate, source.ticks_per_second) == (False, None)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".h264"])
def test_a_stream_that_switches_between_fields_and_frames_is_even(
    clips: ClipFactory, suffix: str
) -> None:
    path = paff_clip(clips, suffix, whole=lambda i: i % 5 > 2, name="fields-first")

    assert n_packets(path) == N_FRAMES * 8 // 5
    source = probe_source(path)
    assert (source.n_frames, source.frame_rate) == (N_FRAMES, RATE)
    assert not source.variable_frame_rate


def test_frames_after_which_fields_come_are_noticed_late(clips: ClipFactory) -> None:
    path = paff_clip(clips, ".mp4", whole=lambda i: 0 < i < 40, name="fields-late")

    source = probe_source(path)

    assert n_packets(path) == N_FRAMES + 21
    assert (source.n_frames, source.frame_rate) == (N_FRAMES, RATE)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_the_rate_of_frames_is_exact(clips: ClipFactory, suffix: str) -> None:
    ntsc = Fraction(30000, 1001)
    path = paff_clip(clips, suffix, rate=ntsc)

    source = probe_source(path)

    assert n_packets(path) == 2 * N_FRAMES
    assert (source.n_frames, source.frame_rate) == (N_FRAMES, ntsc)


def test_excerpts_are_exact(clips: ClipFactory) -> None:
    for suffix in SUFFIXES:
        source = ExcerptCutter(probe_source(paff_clip(clips, suffix))).cut(17, 5)
        with open_source(source) as video:
            found = b"".join(
                frame.to_ndarray().tobytes() for frame in decode_excerpt(video, source)
            )
        assert found == drawn(17, 5), suffix


def test_each_frame_has_a_cost(clips: ClipFactory) -> None:
    source = probe_source(paff_clip(clips, ".mp4"))

    assert len(measure_complexity(source).costs) == N_FRAMES


def test_a_cut_stream_that_ends_with_half_a_picture_is_probed(clips: ClipFactory) -> None:
    whole = paff_clip(clips, ".h264")
    path = clips.truncated(whole, name="fields-cut.h264", keep=0.4)

    assert probe_source(path).n_frames in {24, 25}


def test_a_cut_stream_that_begins_with_half_a_picture_is_probed(clips: ClipFactory) -> None:
    delimiter = b"\0\0\0\1\x09"
    head, _, *others = paff_clip(clips, ".h264").read_bytes().split(delimiter)
    path = clips.folder / "fields-second-first.h264"
    path.write_bytes(delimiter.join([head, *others]))

    # Decoders drop it: it does not belong to a picture they can begin with.
    assert probe_source(path).n_frames == N_FRAMES - 1


def test_a_few_fields_are_frames_too(clips: ClipFactory) -> None:
    assert probe_source(paff_clip(clips, ".ts", n_frames=2)).n_frames == 2


@pytest.mark.parametrize("make", ["moving", "variable_rate"])
def test_progressive_pictures_are_not_decoded_for_it(
    clips: ClipFactory, monkeypatch: pytest.MonkeyPatch, make: str
) -> None:
    monkeypatch.setattr(probe, "codes_fields", pytest.fail)
    monkeypatch.setattr(probe, "decoded_timing", pytest.fail)

    assert not probe_source(getattr(clips, make)()).interlaced


def test_frames_of_interlaced_macroblocks_are_counted_by_packets(
    clips: ClipFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "decoded_timing", pytest.fail)
    path = clips.interlaced()

    source = probe_source(path)

    assert (source.n_frames, source.frame_rate, source.interlaced) == (n_packets(path), RATE, True)
