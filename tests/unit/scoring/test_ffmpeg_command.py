from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.unit.scoring.builders import a_request, a_source
from vmafx_tune.media.ffmpeg import input_guard
from vmafx_tune.model import PixelFormat, RawFormat, Resolution, ScoreRequest, VmafModel
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.ffmpeg_command import (
    decode_arguments,
    model_check_arguments,
    score_arguments,
)
from vmafx_tune.scoring.models import BUILT_IN_MODELS
from vmafx_tune.scoring.reference_copies import ReferenceCopy

V1 = BUILT_IN_MODELS["vmaf_v1.0.16_3d0h"]
QUIET = ("-hide_banner", "-nostdin", "-nostats")
TELLING = ("-v", "verbose", "-progress", "pipe:1", "-stats_period", "0.25")
GUARD = tuple(part for name, value in input_guard().items() for part in (f"-{name}", value))
TO_NOTHING = ("-f", "null", "-")


COPY = a_source(
    "copy.yuv", raw=RawFormat(Resolution(1280, 720), "yuv420p", Fraction(25)), excerpt=None
)


def arguments(
    request: ScoreRequest, threads: int = 2, copy: ReferenceCopy | None = None
) -> tuple[str, ...]:
    return score_arguments(request, plan_scoring(request), threads=threads, copy=copy)


def graph(args: tuple[str, ...]) -> str:
    return args[args.index("-filter_complex") + 1]


def test_two_plain_clips_are_paired_by_index_and_compared() -> None:
    pairing = (
        "[0:V:0]settb=1/25[s0];[s0]setpts=N[s1];[s1]format=pix_fmts=yuv420p[s2];"
        "[s2]setparams=colorspace=bt709:range=limited[s3];"
        "[1:V:0]settb=1/25[s4];[s4]setpts=N[s5];[s5]format=pix_fmts=yuv420p[s6];"
        "[s6]setparams=colorspace=bt709:range=limited[s7];"
        "[s3][s7]libvmaf=log_fmt=json:log_path=vmaf.json:"
        "model=version\\\\=vmaf_v0.6.1:n_subsample=1:n_threads=2[s8]"
    )

    assert arguments(a_request()) == (
        *QUIET,
        *TELLING,
        *(*GUARD, "-i", "file:/media/distorted.mp4"),
        *(*GUARD, "-i", "file:/media/reference.mp4"),
        *("-filter_complex", pairing, "-map", "[s8]", *TO_NOTHING),
    )


def test_a_clip_against_itself_is_decoded_once() -> None:
    clip = a_source()

    args = arguments(a_request(clip, clip))

    assert args.count("-i") == 1
    assert "split=2[s4][s5];[s4][s5]libvmaf" in graph(args)


def test_a_copy_of_the_reference_is_written_as_the_filter_has_it() -> None:
    args = arguments(a_request(), copy=ReferenceCopy(COPY, is_made=False))

    assert "[s7]split=2[s8][s9];[s3][s8]libvmaf=" in graph(args)
    written = ("-f", "rawvideo", "-fps_mode", "passthrough", "file:/media/copy.yuv")
    assert args[-12:] == ("-map", "[s10]", *TO_NOTHING, "-map", "[s9]", *written)


def test_a_copy_of_the_reference_is_read_in_its_place_without_converting_it_again() -> None:
    full = a_source("reference.mp4", color_range="pc", resolution=Resolution(640, 360))
    args = arguments(a_request(reference=full), copy=ReferenceCopy(COPY, is_made=True))

    assert "file:/media/reference.mp4" not in args
    before = args[: args.index("file:/media/copy.yuv")]
    assert before[-13:-9] == ("-f", "rawvideo", "-video_size", "1280x720")
    assert (
        "[1:V:0]settb=1/25[s4];[s4]setpts=N[s5];[s5]setparams=colorspace=bt709:range=limited[s6]"
        in graph(args)
    )
    assert "scale=" not in graph(args)


def test_only_the_clip_that_has_another_size_is_scaled() -> None:
    request = a_request(distorted=a_source(resolution=Resolution(640, 360)))

    assert graph(arguments(request)).count("scale=") == 1
    assert (
        "[0:V:0]settb=1/25[s0];[s0]setpts=N[s1];"
        "[s1]scale=flags=bicubic:height=720:in_range=tv:out_range=tv:width=1280[s2]"
        in (graph(arguments(request)))
    )


def test_an_encode_of_another_range_is_brought_to_the_references() -> None:
    request = a_request(a_source(color_range="tv"), a_source("other.mp4", color_range="pc"))

    assert "[s1]scale=flags=bicubic:height=720:in_range=pc:out_range=tv" in graph(
        arguments(request)
    )
    assert graph(arguments(request)).count("scale=") == 1


def test_an_encode_with_another_matrix_is_brought_to_the_references() -> None:
    request = a_request(
        a_source(color_space="smpte170m"), a_source("other.mp4", color_space="bt709")
    )

    assert "colorspace=iprimaries=bt709:irange=tv:ispace=bt709:itrc=bt709" in graph(
        arguments(request)
    )
    assert graph(arguments(request)).count("]colorspace=") == 1


def test_clips_of_different_formats_are_converted_to_one() -> None:
    request = a_request(distorted=a_source(pixel_format=PixelFormat("yuv444p10le", 10, "444")))

    assert graph(arguments(request)).count("format=pix_fmts=yuv420p10le") == 2


def test_a_headerless_clip_is_described() -> None:
    raw = RawFormat(Resolution(1280, 720), "yuv420p", Fraction(30000, 1001))
    args = arguments(a_request(reference=a_source("r.yuv", raw=raw)))

    before = args[: args.index("file:/media/r.yuv")]
    assert before[-13:] == (
        *("-f", "rawvideo", "-video_size", "1280x720", *GUARD[:2], "-framerate", "30000/1001"),
        *("-pixel_format", "yuv420p", *GUARD[2:], "-i"),
    )


def test_decoders_of_large_pictures_get_no_more_threads_than_libvmaf() -> None:
    large = a_source("large.mp4", resolution=Resolution(3840, 2160))
    args = arguments(a_request(reference=large))

    place = args.index("file:/media/large.mp4")
    assert args[place - 3 : place] == ("-threads", "2", "-i")
    assert args.count("-threads") == 1


def test_relative_paths_become_absolute_since_ffmpeg_runs_elsewhere() -> None:
    args = arguments(a_request(reference=a_source(path=Path("-odd name.mp4"))))

    assert f"file:{Path.cwd()}/-odd name.mp4" in args


def test_a_v1_model_is_told_of_the_encode() -> None:
    request = a_request(distorted=a_source(resolution=Resolution(640, 360)), model=V1)

    assert (
        "model=version\\\\=vmaf_v1.0.16_3d0h\\\\:cambi.enc_width\\\\=640"
        "\\\\:cambi.enc_height\\\\=360\\\\:cambi.enc_bitdepth\\\\=8:"
    ) in graph(arguments(request))


def test_a_custom_model_goes_by_the_name_of_its_copy() -> None:
    custom = VmafModel("odd: name", path=Path("/models/odd: name.json"))

    assert "model=path\\\\=model.json:" in graph(arguments(a_request(model=custom)))


def test_held_to_one_thread_libvmaf_has_none_beside_the_filters_own() -> None:
    assert ":n_threads=0[" in graph(arguments(a_request(threads=1), threads=1))
    assert ":n_threads=1[" in graph(arguments(a_request(), threads=1))


def test_decoders_get_no_more_threads_than_were_asked_for() -> None:
    args = arguments(a_request(threads=1), threads=1)
    assert args.count("-threads") == 2


def test_subsampling_and_threads_are_libvmafs() -> None:
    assert "n_subsample=5:n_threads=7[" in graph(arguments(a_request(subsample=5), threads=7))


def test_a_model_is_checked_on_a_blank_frame_that_is_large_enough_for_it() -> None:
    args = model_check_arguments(BUILT_IN_MODELS["vmaf_v1.0.16_3d0h_2160"])

    assert args[args.index("-i") + 1] == "nullsrc=size=318x636:rate=25:duration=0.04"
    assert "format=yuv420p10le" in graph(args)


def test_a_clip_is_decoded_frame_for_frame_into_a_headerless_file() -> None:
    source = a_source(resolution=Resolution(640, 360))

    args = decode_arguments(source, plan_scoring(a_request()), "reference.yuv")

    conversion = (
        "[0:V:0]settb=1/25[s0];[s0]setpts=N[s1];"
        "[s1]scale=flags=bicubic:height=720:in_range=tv:out_range=tv:width=1280[s2];"
        "[s2]format=pix_fmts=yuv420p[s3];"
        "[s3]setparams=colorspace=bt709:range=limited[s4]"
    )
    assert args == (
        *QUIET,
        *TELLING,
        *(*GUARD, "-i", "file:/media/clip.mp4", "-filter_complex", conversion),
        *("-map", "[s4]", "-f", "rawvideo", "-fps_mode", "passthrough", "reference.yuv"),
    )
