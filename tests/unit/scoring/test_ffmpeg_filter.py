from __future__ import annotations

import signal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.unit.scoring.builders import a_request, a_source, completed
from vmafx_tune.errors import (
    ModelNotFoundError,
    OutputError,
    ScoringError,
    ToolError,
    ToolNotFoundError,
    UnreadableSourceError,
    VmafxTuneError,
)
from vmafx_tune.media.inputs import input_guard
from vmafx_tune.model import PixelFormat, RawFormat, Resolution, ScoreRequest, VmafModel
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.ffmpeg_filter import (
    DecodedInput,
    decode_arguments,
    decoded_inputs,
    explain_failure,
    libvmaf_complaint,
    model_check_arguments,
    score_arguments,
    shows_damage,
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


FFMPEG = Path("/opt/ffmpeg")
MODEL = VmafModel("vmaf_v1.0.16_3d0h")

CLOSING = """\
[in#0/mov,mp4,m4a,3gp,3g2,mj2 @ 0x5561]   Input stream #0:0 (audio): 9 packets read (99 bytes); \
9 frames decoded; 0 decode errors (2304 samples);
[in#0/mov,mp4,m4a,3gp,3g2,mj2 @ 0x5561]   Input stream #0:1 (video): 16 packets read (99049 bytes);\
 15 frames decoded; 1 decode errors;
[in#0/mov,mp4,m4a,3gp,3g2,mj2 @ 0x5561]   Total: 25 packets (99148 bytes) demuxed
[in#1/matroska,webm @ 0x5562]   Input stream #1:0 (video): 0 packets read (0 bytes);
[in#1/matroska,webm @ 0x5562]   Input stream #1:1 (video): 25 packets read (152227 bytes); \
25 frames decoded; 0 decode errors;
"""
CLOSING_OF_5_1 = """\
Input file #0 (a.mp4):
  Input stream #0:0 (video): 12 packets read (4096 bytes); 12 frames decoded;
  Total: 12 packets (4096 bytes) demuxed
"""


UNREADABLE = """\
[in#0 @ 0x5] Error opening input: Invalid data found when processing input
Error opening input file file:/a b/it's.mp4.
Error opening input files: Invalid data found when processing input
"""


def explain(stderr: str, returncode: int = 1, model: VmafModel | None = MODEL) -> VmafxTuneError:
    return explain_failure(completed(returncode=returncode, stderr=stderr), model, FFMPEG)


def test_frames_and_damage_of_each_inputs_video_are_counted() -> None:
    assert decoded_inputs(CLOSING) == {
        0: DecodedInput(frames=15, errors=1),
        1: DecodedInput(frames=25, errors=0),
    }


def test_an_ffmpeg_that_does_not_count_damage_still_counts_frames() -> None:
    assert decoded_inputs(CLOSING_OF_5_1) == {0: DecodedInput(frames=12, errors=0)}


def test_an_ffmpeg_that_counts_nothing_gives_nothing() -> None:
    assert decoded_inputs("frame=   48 fps=0.0 q=-0.0 Lsize=N/A\n") == {}


@pytest.mark.parametrize(
    "line",
    [
        "[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x56] corrupt decoded frame",
        "/media/clip.mkv: corrupt decoded frame in stream 0",
        "[ffv1 @ 0x55] slice CRC mismatch CB1E80EA!at 0.960000 seconds",
        "[ffv1 @ 0x55] CRC mismatch CB1E80EA!at 0.960000 seconds",
        "[mjpeg @ 0x55] error count: 67",
        "Error while decoding stream #0:0: Invalid data found when processing input",
        "[vist#0:0/av1 @ 0x55] Error submitting packet to decoder: Invalid data found",
        "  Input stream #0:0 (video): 50 packets read; 47 frames decoded; 3 decode errors; ",
    ],
)
def test_signs_of_damage_are_known_in_the_words_of_several_ffmpegs(line: str) -> None:
    assert shows_damage(f"Stream mapping:\n{line}\n")


def test_a_clean_run_shows_no_damage() -> None:
    closing = "  Input stream #0:0 (video): 50 packets read; 50 frames decoded; 0 decode errors; "
    assert not shows_damage(f"Stream mapping:\n{closing}\n{closing.replace('50', '10')}")


@pytest.mark.parametrize(
    ("stderr", "complaint"),
    [
        ("libvmaf ERROR SpEED: image too small\nmore", "SpEED: image too small"),
        ("[Parsed_libvmaf_4 @ 0x7f] problem getting pooled vmaf score.", "problem getting pooled"),
        ("[Parsed_libvmaf_4 @ 0x7f] VMAF score: 92.520903", None),
    ],
)
def test_what_libvmaf_complains_of_is_found(stderr: str, complaint: str | None) -> None:
    found = libvmaf_complaint(stderr)

    assert found == complaint if complaint is None else complaint in (found or "")


@pytest.mark.parametrize(
    ("stderr", "kind", "said"),
    [
        (
            "[Parsed_libvmaf_4 @ 0x1] could not load libvmaf model with version: x",
            ModelNotFoundError,
            "'/opt/ffmpeg' does not have the model vmaf_v1.0.16_3d0h",
        ),
        (
            "[AVFilterGraph @ 0x1] No such filter: 'libvmaf'\nError : Filter not found",
            ToolNotFoundError,
            "built without libvmaf",
        ),
        ("av_interleaved_write_frame(): No space left on device", OutputError, "folder is full"),
        (
            UNREADABLE,
            UnreadableSourceError,
            "'/a b/it's.mp4' cannot be read: Invalid data found when processing input.",
        ),
        (
            "file:/clips/a.mp4: Permission denied",
            UnreadableSourceError,
            "'/clips/a.mp4' cannot be read: Permission denied.",
        ),
        (
            "Stream specifier 'v:0' in filtergraph description [0:v:0]x matches no streams.",
            UnreadableSourceError,
            "no video stream",
        ),
        ("libvmaf ERROR out of memory", ScoringError, "could not score these clips: out of memory"),
    ],
)
def test_each_failure_becomes_the_error_that_says_what_to_do(
    stderr: str, kind: type[VmafxTuneError], said: str
) -> None:
    error = explain(stderr)

    assert type(error) is kind
    assert said in str(error)


def test_a_custom_model_that_libvmaf_cannot_use_is_named_by_its_file() -> None:
    error = explain("could not load libvmaf model from file", model=VmafModel("m", Path("/m.json")))

    assert isinstance(error, ModelNotFoundError)
    assert "'/m.json'" in str(error)


def test_a_program_killed_at_the_file_size_limit_means_a_full_folder() -> None:
    assert isinstance(explain("", returncode=-signal.SIGXFSZ), OutputError)


@pytest.mark.parametrize(("returncode", "said"), [(-11, "killed by SIGSEGV"), (7, "exit status 7")])
def test_any_other_failure_keeps_the_command_and_its_last_words(returncode: int, said: str) -> None:
    error = explain("something odd", returncode=returncode)

    assert type(error) is ToolError
    assert said in str(error)
    assert (error.returncode, error.stderr_tail) == (returncode, "something odd")
