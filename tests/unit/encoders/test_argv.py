"""The commands: exact, for every row."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.encoders.argv import (
    encode_arguments,
    join_command,
    output_name,
    run_command,
    trial_command,
    user_command,
)
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.media.inputs import input_guard
from vmafx_tune.model import EncodeSpec, Excerpt, RawFormat, Resolution

from .specs import make_source, make_spec

if TYPE_CHECKING:
    from vmafx_tune.encoders.row import EncoderRow

FFMPEG = Path("/opt/ffmpeg")
ROWS = pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)

# Encoder, its options at quality 30 and preset slow, and what the output is called.
OPTIONS = {
    "libx264": "-c:v libx264 -preset slow -crf 30 -x264-params sync-lookahead=0 {common}",
    "libx265": "-c:v libx265 -preset slow -crf 30 {hvc1}",
    "libsvtav1": "-c:v libsvtav1 -preset 5 -crf 30 {common}",
    "libaom-av1": "-c:v libaom-av1 -cpu-used 3 -crf 30 -b:v 0 {common}",
    "libvpx-vp9": "-c:v libvpx-vp9 -deadline good -cpu-used 1 -crf 30 -b:v 0 -row-mt 1 {common}",
    "libvvenc": "-c:v libvvenc -preset slow -qp 30 {common}",
    "h264_nvenc": "-c:v h264_nvenc -preset p5 -rc vbr -cq 30 -b:v 0 {common}",
    "hevc_nvenc": "-c:v hevc_nvenc -preset p5 -rc vbr -cq 30 -b:v 0 {hvc1}",
    "av1_nvenc": "-c:v av1_nvenc -preset p5 -rc vbr -cq 30 -b:v 0 {common}",
    "h264_qsv": "-c:v h264_qsv -preset slow -global_quality 30 {common}",
    "hevc_qsv": "-c:v hevc_qsv -preset slow -global_quality 30 {hvc1}",
    "av1_qsv": "-c:v av1_qsv -preset slow -global_quality 30 {common}",
    "h264_amf": "-c:v h264_amf -rc cqp -qp_i 30 -qp_p 30 -qp_b 30 -quality quality {common}",
    "hevc_amf": "-c:v hevc_amf -rc cqp -qp_i 30 -qp_p 30 -quality quality {hvc1}",
    "av1_amf": "-c:v av1_amf -rc cqp -qp_i 30 -qp_p 30 -qp_b 30 -quality quality {common}",
    "h264_videotoolbox": "-c:v h264_videotoolbox -q:v 30 {common}",
    "hevc_videotoolbox": "-c:v hevc_videotoolbox -q:v 30 {hvc1}",
}
KNOB_IN_NAME = {"nvenc": "cq", "qsv": "gq", "amf": "qp", "videotoolbox": "qv", "libvvenc": "qp"}
MAPS = "-map_metadata -1 -map_chapters -1"


def options_of(encoder: str) -> list[str]:
    common, hvc1 = (f"-fps_mode passthrough{tag} {MAPS}" for tag in ("", " -tag:v hvc1"))
    return OPTIONS[encoder].format(common=common, hvc1=hvc1).split()


def command_of(spec: EncodeSpec) -> tuple[str, ...]:
    return user_command(spec, encoder_row(spec.encoder), FFMPEG)


@ROWS
def test_the_command_for_users_is_exact(row: EncoderRow) -> None:
    spec = make_spec(row.name, 30, preset="slow")
    device = ["-init_hw_device", "qsv=hw"] if row.name.endswith("_qsv") else []
    knob = next((knob for part, knob in KNOB_IN_NAME.items() if part in row.name), "crf")
    assert list(command_of(spec)) == [
        "/opt/ffmpeg",
        "-hide_banner",
        "-nostdin",
        "-y",
        *device,
        "-i",
        "file:clips/clip.mp4",
        "-map",
        "0:V:0",
        "-f",
        "mp4",
        *options_of(row.name),
        f"clip.{row.name}.{knob}30.mp4",
    ]


@ROWS
def test_arguments_by_name_are_the_same_ones_sorted(row: EncoderRow) -> None:
    spec = make_spec(row.name, 30, extra_args=("-tune", "film"))
    arguments = encode_arguments(spec, row, "out.mp4")
    by_name = encode_arguments(spec, row, "out.mp4", by_name=True)
    assert sorted(by_name) == sorted(arguments)
    assert by_name[-3:] == arguments[-3:]
    first = by_name.index("mp4") + 1
    flags = by_name[first:-3:2]
    assert [*flags] == sorted(flags)


@ROWS
def test_the_command_that_runs_adds_only_its_log_progress_and_guard(row: EncoderRow) -> None:
    spec = make_spec(row.name, 30)
    read = list(command_of(spec))
    run = list(run_command(spec, row, FFMPEG, Path("/scratch/out.mp4")))
    level = "level+verbose" if row.is_hardware else "level+info"
    assert run[:4] == read[:4]
    assert run[4:9] == ["-v", level, "-nostats", "-progress", "pipe:1"]
    for name, value in input_guard().items():
        place = run.index(f"-{name}")
        assert place < run.index("-i")
        assert run[place + 1] == value
        del run[place : place + 2]
    assert run[9:-1] == read[4:-1]
    assert run[-1] == "file:/scratch/out.mp4"


@ROWS
def test_the_trial_encodes_a_few_synthetic_frames_to_nowhere(row: EncoderRow) -> None:
    command = list(trial_command(row, FFMPEG))
    level = "level+verbose" if row.is_hardware else "level+info"
    device = ["-init_hw_device", "qsv=hw"] if row.name.endswith("_qsv") else []
    clip = "testsrc2=size=320x240:rate=25"
    head = ["/opt/ffmpeg", "-hide_banner", "-nostdin", "-v", level, "-f", "lavfi", *device]
    assert command[: len(head) + 4] == [*head, "-i", clip, "-f", "null"]
    assert command[-1] == "-"
    for name, value in (("-c:v", row.name), ("-frames:v", "5"), ("-flags", "+global_header")):
        assert command[command.index(name) + 1] == value


@pytest.mark.parametrize(
    ("encoder", "quality", "expected"),
    [
        ("libx264", 23.0, ["-crf", "23"]),
        ("libx264", 23.1, ["-crf", "23.1"]),
        ("libx265", 28.7, ["-crf", "28.7"]),
        ("libsvtav1", 34.25, ["-svtav1-params", "crf=34.25"]),
        ("libsvtav1", 34.0, ["-crf", "34"]),
        ("hevc_nvenc", 23.5, ["-cq", "23.5"]),
    ],
)
def test_a_quality_is_written_where_the_encoder_takes_it(
    encoder: str, quality: float, expected: list[str]
) -> None:
    command = list(command_of(make_spec(encoder, quality)))
    place = command.index(expected[0])
    assert command[place : place + 2] == expected
    assert ("-crf" in command) == (expected[0] == "-crf")


def test_a_fractional_crf_joins_the_users_svtav1_parameters() -> None:
    extra = ("-svtav1-params", "film-grain=8:tune=0", "-g", "120")
    command = list(command_of(make_spec("libsvtav1", 34.25, extra_args=extra)))
    assert command.count("-svtav1-params") == 1
    assert command[-5:-1] == ["-svtav1-params", "crf=34.25:film-grain=8:tune=0", "-g", "120"]


def test_a_whole_crf_leaves_the_users_svtav1_parameters_alone() -> None:
    extra = ("-svtav1-params", "film-grain=8")
    command = list(command_of(make_spec("libsvtav1", 34, extra_args=extra)))
    assert command[-3:-1] == ["-svtav1-params", "film-grain=8"]
    assert "-crf" in command


def test_further_arguments_come_last_before_the_output() -> None:
    extra = ("-tune", "film", "-preset", "veryslow")
    command = command_of(make_spec(extra_args=extra))
    assert command[-5:-1] == extra
    assert command.index("-preset") < command.index("-tune")


def test_a_rendition_is_scaled_with_lanczos_and_named_after_its_size() -> None:
    command = list(command_of(make_spec(size=Resolution(320, 180))))
    assert command[command.index("-vf") + 1] == "scale=320:180:flags=lanczos"
    assert command[-1] == "clip.320x180.libx264.crf30.mp4"


def test_scaling_goes_after_the_users_own_filters() -> None:
    extra = ("-vf", "null", "-filter:v", "null,format=yuv420p")
    command = list(command_of(make_spec(size=Resolution(320, 180), extra_args=extra)))
    assert command[-3:-1] == ["-filter:v", "null,format=yuv420p,scale=320:180:flags=lanczos"]
    assert command.count("-vf") == 1


def test_a_number_of_threads_is_told_only_when_given() -> None:
    assert "-threads" not in command_of(make_spec())
    command = command_of(make_spec(threads=3))
    assert command[command.index("-threads") + 1] == "3"


def test_x265s_pool_of_threads_is_held_to_the_number_too() -> None:
    command = command_of(make_spec("libx265", threads=3, gop_frames=50))
    parameters = command[command.index("-x265-params") + 1]
    assert parameters == "min-keyint=50:scenecut=0:open-gop=0:pools=3"


def test_users_parameters_of_x265_come_after_the_number_of_threads() -> None:
    spec = make_spec("libx265", threads=3, extra_args=("-x265-params", "pools=1"))
    command = command_of(spec)
    assert command[command.index("-x265-params") + 1] == "pools=3:pools=1"
    assert command.count("-x265-params") == 1


def test_the_decoder_of_a_run_is_held_to_the_encoders_threads(tmp_path: Path) -> None:
    spec = make_spec(threads=1)
    command = run_command(spec, encoder_row(spec.encoder), Path("ffmpeg"), tmp_path / "x.mp4")
    assert command.count("-threads") == 2
    assert command.index("-threads") < command.index("-i")


def test_a_raw_source_is_described_before_it_is_opened() -> None:
    raw = RawFormat(Resolution(176, 144), "yuv422p10le", Fraction(30000, 1001))
    source = make_source("take.yuv", width=176, height=144, raw=raw)
    command = list(command_of(make_spec(source=source)))
    assert command[4 : command.index("-map")] == [
        "-f",
        "rawvideo",
        "-video_size",
        "176x144",
        "-framerate",
        "30000/1001",
        "-pixel_format",
        "yuv422p10le",
        "-i",
        "file:take.yuv",
    ]


@pytest.mark.parametrize(
    ("path", "opened", "written"),
    [
        ("-v.mp4", "file:-v.mp4", "file:-v.libx264.crf30.mp4"),
        ("http:x.mp4", "file:http:x.mp4", "file:http:x.libx264.crf30.mp4"),
        ("a b'c.mkv", "file:a b'c.mkv", "a b'c.libx264.crf30.mp4"),
        ("/abs/ünï.mov", "file:/abs/ünï.mov", "ünï.libx264.crf30.mp4"),
    ],
)
def test_names_that_look_like_options_or_protocols_stay_names(
    path: str, opened: str, written: str
) -> None:
    command = command_of(make_spec(source=make_source(path)))
    assert command[command.index("-i") + 1] == opened
    assert command[-1] == written


def test_the_output_name_carries_a_fractional_quality() -> None:
    assert output_name(make_spec(quality=23.5), encoder_row("libx264")).endswith(".crf23.5.mp4")


def test_the_output_name_of_joined_shots_has_no_quality() -> None:
    spec = replace(make_spec(), joinable=True)
    assert output_name(spec, encoder_row("libx264")) == "clip.libx264.per-shot.mp4"


@pytest.mark.parametrize(
    ("encoder", "parameters"),
    [
        ("libx264", "sync-lookahead=0:stitchable=1"),
        ("libx265", "info=0"),
    ],
)
def test_encodes_that_are_to_be_joined_have_headers_without_their_quality(
    encoder: str, parameters: str
) -> None:
    command = user_command(replace(make_spec(encoder), joinable=True), encoder_row(encoder), FFMPEG)
    assert command[command.index(f"-{encoder.removeprefix('lib')}-params") + 1] == parameters


def test_the_output_name_of_an_excerpt_carries_its_frames() -> None:
    source = replace(make_source(), excerpt=Excerpt(250, 125, Fraction(10)))
    name = output_name(make_spec(source=source), encoder_row("libx264"))

    assert name.endswith(".frames250-374.mp4")


def test_chunks_are_joined_without_a_file_that_lists_them() -> None:
    row, spec = encoder_row("libx265"), make_spec(encoder="libx265")
    command = join_command(spec, row, FFMPEG, ["file:-a b.mp4", "it's.mp4"])

    script = command[command.index("-i") + 1]
    assert script.splitlines() == [
        "data:,ffconcat version 1.0",
        r"file file:-a\ b.mp4",
        r"file file:it\'s.mp4",
    ]
    assert command[command.index("-tag:v") + 1] == "hvc1"
    assert command[-1] == output_name(spec, row)


@pytest.mark.parametrize(
    ("encoder", "extra", "message"),
    [
        ("libx264", ("-crf", "20"), "crf is what the search varies"),
        ("libx264", ("-crf:v", "20"), "crf is what the search varies"),
        ("libx264", ("-x264-params", "ref=4:crf=20"), "crf is what the search varies"),
        ("libx265", ("-x265-params", "crf=20"), "crf is what the search varies"),
        ("libsvtav1", ("-svtav1-params", "tune=0:crf=20"), "crf is what the search varies"),
        ("libvvenc", ("-qp", "20"), "qp is what the search varies"),
        ("h264_amf", ("-qp_i", "20"), "qp_i is what the search varies"),
        ("h264_videotoolbox", ("-q:v", "20"), "q is what the search varies"),
        ("libx264", ("-qp", "0"), "-qp sets a quality or bitrate"),
        ("libx264", ("-b:v", "2M"), "-b:v sets a quality or bitrate"),
        ("libaom-av1", ("-b:v", "2M"), "-b:v sets a quality or bitrate"),
        ("libx264", ("-x264-params", "qp=0"), "qp in -x264-params sets a quality"),
        ("libx265", ("-x265-params", "lossless=1"), "lossless in -x265-params sets a quality"),
        ("libsvtav1", ("-svtav1-params", "lossless=1"), "lossless in -svtav1-params"),
        ("libsvtav1", ("-svtav1-params", "rc=1:tbr=500"), "rc in -svtav1-params"),
        ("libaom-av1", ("-aom-params", "lossless=1"), "lossless in -aom-params"),
        ("libvpx-vp9", ("-lossless", "1"), "-lossless sets a quality"),
        ("h264_nvenc", ("-tune", "lossless"), "-tune sets a quality"),
        ("libx264", ("-pass", "1"), "-pass sets a quality"),
        ("libx264", ("-c:v", "libx265"), "chosen with --codec, so leave -c:v out"),
        ("libx264", ("-vcodec", "libx265"), "chosen with --codec, so leave -vcodec out"),
    ],
)
def test_arguments_that_set_the_encoder_or_the_quality_are_refused(
    encoder: str, extra: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        encoder_row(encoder).check(make_spec(encoder, extra_args=extra))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("-vf", "crop=160:90"), "-vf changes the encode.*--filter, --crop"),
        (("-filter:v", "format=yuv420p,hqdn3d"), "-filter:v changes the encode"),
        (("-vf", "[in]scale=160:90[out]"), "-vf changes the encode"),
        (("-filter_complex", "hflip"), "-filter_complex changes the encode"),
        (("-s", "160x90"), "-s changes the encode"),
        (("-aspect", "4:3"), "-aspect changes the encode"),
        (("-bsf:v", "h264_metadata=crop_left=16"), "-bsf:v changes the encode"),
        (("-r", "12"), "-r changes which frames are encoded"),
        (("-t", "1"), "-t changes which frames"),
        (("-ss", "1"), "-ss changes which frames"),
        (("-frames:v", "5"), "-frames:v changes which frames"),
        (("-fs", "100k"), "-fs changes which frames"),
        (("-c:a", "copy"), "-c:a applies to other streams"),
        (("-map", "0:a"), "-map applies to other streams"),
        (("-b:a", "128k"), "-b:a applies to other streams"),
        (("-vn",), "-vn applies to other streams"),
        (("-i", "other.mp4"), "-i adds another input or output"),
        (("-g", "48", "other.mp4"), "other.mp4 adds another input or output"),
        (("-f", "matroska"), "-f adds another input or output"),
        (("-v", "quiet"), "-v is an option of ffmpeg itself"),
        (("-/filter:v", "script"), "adds another input or output"),
        (("-bf",), "-bf has no value"),
    ],
)
def test_arguments_that_change_more_than_the_encoder_are_refused(
    extra: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        encoder_row("libx264").check(make_spec(extra_args=extra))


@pytest.mark.parametrize(
    "extra",
    [
        ("-an",),
        ("-an", "-g", "48", "-sn"),
        ("-pix_fmt", "yuv420p10le"),
        ("-vf", "format=yuv420p,setparams=range=tv"),
        ("-maxrate", "2M", "-bufsize", "4M"),
        ("-x264-params", "lookahead-threads=1"),
        ("-metadata", "-vf"),
        ("-tune", "film"),
        ("-x264-params", "ref=4:qpmin=10"),
        ("-metadata", "crf=20"),
        ("-preset", "slow"),
    ],
)
def test_other_arguments_pass(extra: tuple[str, ...]) -> None:
    encoder_row("libx264").check(make_spec(extra_args=extra))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (make_spec(quality=99), "libx264: crf 99 is not possible"),
        (make_spec(preset="warp"), "libx264: unknown preset 'warp'"),
    ],
)
def test_a_check_names_the_encoder_that_refuses(spec: EncodeSpec, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        encoder_row(spec.encoder).check(spec)


ODD = [
    # encoder, chroma, width, height, refused
    ("libx264", "420", 161, 90, True),
    ("libx264", "420", 160, 91, True),
    ("libx264", "422", 161, 90, True),
    ("libx264", "422", 160, 91, False),
    ("libx264", "444", 161, 91, False),
    ("libx264", "400", 161, 91, False),
    ("libx264", "440", 161, 91, True),
    ("libx265", "420", 161, 91, True),
    ("libx265", "444", 161, 91, False),
    ("libsvtav1", "420", 161, 91, False),
    ("libaom-av1", "420", 161, 91, False),
    ("libvpx-vp9", "420", 161, 91, False),
    ("libvvenc", "420", 161, 90, True),
    ("libvvenc", "444", 160, 91, True),
    ("h264_nvenc", "420", 161, 91, True),
    ("h264_qsv", "444", 161, 91, True),
]


@pytest.mark.parametrize(("encoder", "chroma", "width", "height", "refused"), ODD)
def test_an_odd_size_is_refused_where_the_encoder_cannot_code_it(
    encoder: str, chroma: str, width: int, height: int, *, refused: bool
) -> None:
    source = make_source(width=width, height=height, pix_fmt=f"yuv{chroma}p", chroma=chroma)
    spec = make_spec(encoder, source=source)
    if not refused:
        encoder_row(encoder).check(spec)
        return
    with pytest.raises(
        MediaError, match=rf"is {width}x{height}, which is odd, but {encoder} needs"
    ):
        encoder_row(encoder).check(spec)


def test_an_odd_rendition_is_the_users_mistake() -> None:
    with pytest.raises(UsageError, match="An encode cannot be 321x180: libx264 needs an even"):
        encoder_row("libx264").check(make_spec(size=Resolution(321, 180)))


def test_an_odd_source_that_is_scaled_to_an_even_size_is_fine() -> None:
    source = make_source(width=161, height=91)
    encoder_row("libx264").check(make_spec(source=source, size=Resolution(160, 90)))


def test_a_pixel_format_of_the_users_decides_over_odd_sizes() -> None:
    odd = make_source(width=161, height=91)
    to_444 = make_spec(source=odd, extra_args=("-pix_fmt", "yuv444p"))
    encoder_row("libx264").check(to_444)
    odd_444 = make_source(width=161, height=91, pix_fmt="yuv444p", chroma="444")
    with pytest.raises(MediaError, match="even width and height at 4:2:0"):
        encoder_row("libx264").check(make_spec(source=odd_444, extra_args=("-pix_fmt", "yuv420p")))
