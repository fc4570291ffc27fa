from __future__ import annotations

import ctypes
import gc
import random
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.support.clips import N_FRAMES, RATE, SIZE
from tests.support.pictures import moving, render
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, UnreadableSourceError
from vmafx_tune.media.frames import open_frames
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Comparison, RawFormat, Resolution, Source
from vmafx_tune.scoring.alignment import ScoringPlan, conversion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.support.clips import ClipFactory
    from vmafx_tune.media.frames import PlanarFrame, Plane
    from vmafx_tune.scoring.alignment import Filter

SMALLER = Resolution(96, 54)
LARGER = Resolution(320, 180)


def packed(frame: PlanarFrame) -> bytes:
    """The samples of a frame as a raw file holds them, read through its pointers."""
    return b"".join(_rows(plane, frame.sample_bytes) for plane in frame.planes)


def _rows(plane: Plane, sample_bytes: int) -> bytes:
    row_bytes = plane.width * sample_bytes
    starts = (plane.pointer + y * plane.stride_bytes for y in range(plane.height))
    return b"".join(ctypes.string_at(start, row_bytes) for start in starts)


def converted(
    source: Source,
    pix_fmt: str | None = None,
    size: Resolution | None = None,
    color_range: str | None = None,
) -> tuple[Filter, ...]:
    """The filters that bring a clip to a format, a size and a range, its own where none is said."""
    width, height = (size or source.resolution).width, (size or source.resolution).height
    own = source.pixel_format.name.replace("yuvj", "yuv")
    side = color_range or source.color_range
    space = Comparison(pix_fmt or own, side, source.color_space, width, height)
    return conversion(source, ScoringPlan(space))


def decode(
    source: Source,
    pix_fmt: str | None = None,
    size: Resolution | None = None,
    color_range: str | None = None,
) -> list[bytes]:
    filters = (
        converted(source, pix_fmt, size, color_range) if pix_fmt or size or color_range else ()
    )
    with open_frames(source, filters=filters) as frames:
        return [packed(frame) for frame in frames]


def ffmpeg(clips: ClipFactory, path: Path, filters: str) -> bytes:
    """What ffmpeg's command line makes of a clip with these filters."""
    output = ("-vf", filters, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    return clips.run("-i", str(path), *output)


def samples(data: bytes, pix_fmt: str) -> NDArray[np.int64]:
    return np.frombuffer(data, "<u2" if pix_fmt.endswith("le") else "u1").astype(np.int64)


@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"]
)
def test_a_lossless_clip_gives_back_the_samples_it_was_made_of(
    clips: ClipFactory, pix_fmt: str
) -> None:
    source = probe_source(clips.moving(pix_fmt=pix_fmt))

    assert decode(source) == [render(moving, i, SIZE, pix_fmt) for i in range(N_FRAMES)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p12le", "yuv444p16le", "gray", "gray10le", "yuv420p"])
def test_headerless_files_and_rare_depths_are_read_sample_by_sample(
    clips: ClipFactory, pix_fmt: str
) -> None:
    source = probe_source(clips.raw(pix_fmt=pix_fmt), RawFormat(SIZE, pix_fmt, RATE))

    assert decode(source) == [render(moving, i, SIZE, pix_fmt) for i in range(N_FRAMES)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
def test_y4m_files_are_read_sample_by_sample(clips: ClipFactory, pix_fmt: str) -> None:
    source = probe_source(clips.y4m(pix_fmt=pix_fmt))

    assert decode(source) == [render(moving, i, SIZE, pix_fmt) for i in range(N_FRAMES)]


def test_odd_sizes_keep_their_last_row_and_column(clips: ClipFactory) -> None:
    size = Resolution(161, 91)

    frames = decode(probe_source(clips.odd_size()))

    assert frames == [render(moving, i, size) for i in range(N_FRAMES)]


@pytest.mark.parametrize(
    ("make", "pix_fmt"),
    [
        ("moving", "yuv420p"),
        ("moving", "yuv420p10le"),
        ("ten_bit", "yuv420p10le"),
        ("ten_bit", "yuv420p12le"),
        ("ten_bit", "yuv420p16le"),
        ("ten_bit", "yuv420p"),
        ("chroma_422", "yuv422p"),
        ("chroma_422", "yuv420p"),
        ("chroma_444", "yuv444p10le"),
        ("odd_size", "yuv420p"),
        ("anamorphic", "yuv420p"),
        ("interlaced", "yuv420p"),
        ("hdr_pq", "yuv420p10le"),
        ("full_range", "yuv420p"),
        ("full_range", "yuv420p10le"),
    ],
)
@pytest.mark.parametrize("size", [None, SMALLER, LARGER])
def test_conversion_equals_that_of_ffmpegs_command_line(
    clips: ClipFactory, make: str, pix_fmt: str, size: Resolution | None
) -> None:
    path: Path = getattr(clips, make)()
    source = probe_source(path)
    target = size or source.resolution

    ours = b"".join(decode(source, pix_fmt, target))

    scale = f"scale={target.width}:{target.height}:flags=bicubic"
    theirs = ffmpeg(clips, path, f"{scale},format={pix_fmt}")
    difference = np.abs(samples(ours, pix_fmt) - samples(theirs, pix_fmt))
    # Two versions of swscale may round a scaled sample differently, but never move one.
    assert difference.max() <= (0 if size is None else 1)


@pytest.mark.parametrize(
    ("pix_fmt", "target"),
    [
        ("rgb24", "yuv444p"),
        ("gbrp", "yuv444p"),
        ("gray", "yuv420p"),
        ("gray10le", "yuv420p10le"),
        ("nv12", "yuv420p"),
        ("p010le", "yuv420p10le"),
        ("yuv411p", "yuv422p"),
        ("yuv440p", "yuv444p"),
        ("yuv420p10be", "yuv420p10le"),
    ],
)
def test_formats_that_are_not_planar_yuv_are_converted_as_ffmpeg_does(
    clips: ClipFactory, pix_fmt: str, target: str
) -> None:
    as_raw = ("-f", "rawvideo", "-pix_fmt", pix_fmt)
    path = clips.remade(f"as-{pix_fmt}.yuv", clips.moving(), as_raw)
    source = probe_source(path, RawFormat(SIZE, pix_fmt, RATE))
    space = Comparison(target, "tv", "bt709", SIZE.width, SIZE.height)
    filters = conversion(source, ScoringPlan(space))

    with open_frames(source, filters=filters) as frames:
        ours = b"".join(packed(frame) for frame in frames)

    chain = ",".join(
        f"{name}={':'.join(f'{option}={value}' for option, value in options.items())}"
        for name, options in filters
    )
    geometry = (*as_raw, "-s", str(SIZE), "-i", str(path))
    graph = ("-vf", f"{chain},setparams=range=tv:colorspace=bt709", "-f", "rawvideo", "-")
    assert ours == clips.run(*geometry, *graph)


def test_full_range_samples_keep_their_values(clips: ClipFactory) -> None:
    source = probe_source(clips.full_range())

    assert decode(source, "yuv420p") == [render(moving, i, SIZE) for i in range(N_FRAMES)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_full_range_is_brought_to_limited_on_request(clips: ClipFactory, pix_fmt: str) -> None:
    path = clips.full_range(pix_fmt)

    ours = b"".join(decode(probe_source(path), pix_fmt, color_range="tv"))

    scale = "scale=160:90:flags=bicubic:out_range=tv"
    assert ours == ffmpeg(clips, path, f"{scale},format={pix_fmt}")
    assert ours != ffmpeg(clips, path, f"format={pix_fmt}")


def test_a_clip_in_the_range_asked_for_is_left_as_it_is(clips: ClipFactory) -> None:
    source = probe_source(clips.moving())

    assert decode(source, color_range="tv") == decode(source)


@pytest.mark.parametrize("clockwise_deg", [90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_pictures_are_upright_as_ffmpeg_turns_them(
    clips: ClipFactory, clockwise_deg: int, *, mirrored: bool, scaled: bool
) -> None:
    path = clips.rotated(clockwise_deg, mirrored=mirrored)
    source = probe_source(path)
    size = SMALLER if scaled else source.resolution

    ours = b"".join(decode(source, size=size))

    filters = f"scale={size.width}:{size.height}:flags=bicubic,format=yuv420p"
    assert ours == ffmpeg(clips, path, filters)


def test_a_turned_picture_has_its_first_row_where_its_first_column_was(clips: ClipFactory) -> None:
    upright = np.frombuffer(render(moving, 0, SIZE), "u1")[: SIZE.pixels].reshape(90, 160)

    turned = decode(probe_source(clips.rotated(90)))[0]

    luma = np.frombuffer(turned, "u1")[: SIZE.pixels].reshape(160, 90)
    assert np.array_equal(luma, np.rot90(upright, -1))


def test_planes_never_run_backwards(clips: ClipFactory) -> None:
    # An upside-down picture is cheapest as a negative stride, which a plain copy would trip over.
    flip = ("-display_vflip",)
    path = clips.remux("upside-down.mp4", clips.moving(), (), before=flip)

    with open_frames(probe_source(path)) as frames:
        first = next(frames)

    assert all(plane.stride_bytes >= plane.width for plane in first.planes)
    luma = np.frombuffer(packed(first), "u1")[: SIZE.pixels].reshape(90, 160)
    upright = np.frombuffer(render(moving, 0, SIZE), "u1")[: SIZE.pixels].reshape(90, 160)
    assert np.array_equal(luma, upright[::-1])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_every_frame_of_a_variable_rate_comes_exactly_once(clips: ClipFactory, suffix: str) -> None:
    source = probe_source(clips.variable_rate(suffix))

    assert decode(source) == [render(moving, i, SIZE) for i in range(N_FRAMES)]


def test_a_missing_frame_is_not_made_up(clips: ClipFactory) -> None:
    source = probe_source(clips.dropped(5))

    assert decode(source) == [render(moving, i, SIZE) for i in range(N_FRAMES) if i != 5]


def test_frames_are_counted_from_zero_and_know_their_layout(clips: ClipFactory) -> None:
    source = probe_source(clips.chroma_422())

    with open_frames(source, filters=converted(source, "yuv422p10le")) as frames:
        numbered = [(frame.index, frame.sample_bytes, frame.planes) for frame in frames]

    assert [index for index, _, _ in numbered] == list(range(N_FRAMES))
    for _, sample_bytes, planes in numbered:
        assert sample_bytes == 2
        assert [(p.width, p.height) for p in planes] == [(160, 90), (80, 90), (80, 90)]
        assert all(p.stride_bytes >= p.width * sample_bytes for p in planes)


def test_the_number_of_threads_does_not_change_the_samples(clips: ClipFactory) -> None:
    source = probe_source(clips.degraded(30))
    scaled = converted(source, "yuv420p10le", LARGER)

    def run(threads: int | None) -> list[bytes]:
        with open_frames(source, filters=scaled, threads=threads) as frames:
            return [packed(frame) for frame in frames]

    assert run(1) == run(2) == run(None)


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        (
            lambda clips: clips.moving(size=SMALLER),
            r"are 96x54 yuv420p .*before that 160x90 yuv420p",
        ),
        (lambda clips: clips.ten_bit(), r"yuv420p10le .*before that 160x90 yuv420p "),
        (
            lambda clips: clips.full_range(),
            r"\(pc, no matrix\), before that .*no range, no matrix\)",
        ),
        (lambda clips: clips.hdr_pq(), r"tv, bt2020nc\), before that"),
    ],
    ids=["size", "depth", "range", "labels"],
)
def test_a_stream_that_changes_midway_is_refused_with_the_frame_and_what_changes(
    clips: ClipFactory,
    second: Callable[[ClipFactory], Path],
    changed: str,
) -> None:
    path = clips.changing(second(clips))

    with pytest.raises(UnreadableSourceError, match=f"changes midway: from frame 12 .*{changed}"):
        decode(probe_source(path))


@pytest.mark.parametrize("size", [SIZE, LARGER])
def test_no_more_than_a_few_frames_are_held_at_a_time(clips: ClipFactory, size: Resolution) -> None:
    source = probe_source(clips.degraded(30, n_frames=60))
    gc.collect()
    gc.disable()
    try:
        with open_frames(source, filters=converted(source, size=size)) as frames:
            alive = max(_living_frames() for _ in frames)
    finally:
        gc.enable()

    assert alive <= 8


def _living_frames() -> int:
    return sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())


def test_planes_stay_valid_while_their_frame_is_held(clips: ClipFactory) -> None:
    with open_frames(probe_source(clips.moving())) as frames:
        held = list(frames)

    assert [packed(frame) for frame in held] == [render(moving, i, SIZE) for i in range(N_FRAMES)]


def test_cancelling_stops_before_the_next_frame(clips: ClipFactory) -> None:
    cancel = CancelToken()
    source = probe_source(clips.moving())

    with open_frames(source, cancel=cancel) as frames:
        next(frames)
        cancel.cancel()
        with pytest.raises(CancelledError):
            next(frames)


def _damage(data: bytes) -> bytes:
    """Overwrite the samples in the second half of an MP4, but not its index behind them."""
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    middle = start + (end - start) // 2
    noise = random.Random(1).randbytes(end - middle)
    return data[:middle] + noise + data[end:]


def test_damage_in_the_middle_is_told_with_the_frame_where_it_begins(
    clips: ClipFactory, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.mp4"
    path.write_bytes(_damage(clips.short_groups().read_bytes()))

    with pytest.raises(UnreadableSourceError, match=r"is damaged: at frame [1-9]"):
        decode(probe_source(path))


def test_packets_without_their_references_at_the_start_are_skipped(
    clips: ClipFactory, tmp_path: Path
) -> None:
    whole = clips.remux("groups.ts", clips.short_groups(), ()).read_bytes()
    path = tmp_path / "tuned-in-late.ts"
    # A broadcast starts anywhere, here within the first group of pictures.
    path.write_bytes(whole[188 * (len(whole) // 188 // 8) :])

    frames = decode(probe_source(path))

    assert b"".join(frames) == ffmpeg(clips, path, "format=yuv420p")
    assert frames[-1] == render(moving, N_FRAMES - 1, SIZE)


def test_a_source_that_vanished_since_it_was_probed_is_told(
    clips: ClipFactory, tmp_path: Path
) -> None:
    path = tmp_path / "gone.mp4"
    path.write_bytes(clips.moving().read_bytes())
    source = probe_source(path)
    path.unlink()

    with pytest.raises(UnreadableSourceError, match="does not exist"):
        decode(source)


@pytest.mark.parametrize(
    "codec",
    [
        ("libx264", "-preset", "ultrafast"),
        ("libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
        ("libsvtav1", "-preset", "12"),
        ("libaom-av1", "-cpu-used", "8", "-row-mt", "1"),
        ("libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"),
        ("libvvenc", "-preset", "faster"),
    ],
    ids=lambda codec: codec[0],
)
def test_what_every_encoder_writes_is_decoded_as_ffmpeg_decodes_it(
    clips: ClipFactory, codec: tuple[str, ...]
) -> None:
    path = clips.remade(f"by-{codec[0]}.mp4", clips.moving(), ("-c:v", *codec))
    source = probe_source(path)

    ours = b"".join(decode(source))

    assert ours == ffmpeg(clips, path, f"format={source.pixel_format.name}")
    assert (source.n_frames, source.frame_rate) == (N_FRAMES, Fraction(25))


def test_real_clips_have_as_many_frames_as_their_probe_says(media_dir: Path) -> None:
    for path in sorted(media_dir.glob("*.mp4")):
        source = probe_source(path)
        with open_frames(source) as frames:
            assert sum(1 for _ in frames) == source.n_frames
