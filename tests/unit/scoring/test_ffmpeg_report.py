from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.unit.scoring.builders import completed
from vmafx_tune.errors import (
    ModelNotFoundError,
    OutputError,
    ScoringError,
    ToolError,
    ToolNotFoundError,
    UnreadableSourceError,
    VmafxTuneError,
)
from vmafx_tune.model import VmafModel
from vmafx_tune.scoring.ffmpeg_report import (
    DecodedInput,
    decoded_inputs,
    explain_failure,
    libvmaf_complaint,
    shows_damage,
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


@pytest.mark.parametrize(
    ("returncode", "said"), [(-11, "killed by signal 11"), (7, "exit status 7")]
)
def test_any_other_failure_keeps_the_command_and_its_last_words(returncode: int, said: str) -> None:
    error = explain("something odd", returncode=returncode)

    assert type(error) is ToolError
    assert said in str(error)
    assert (error.returncode, error.stderr_tail) == (returncode, "something odd")
