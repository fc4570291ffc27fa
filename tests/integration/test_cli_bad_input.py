"""Bad input at the command line: one sentence, the right exit code, nothing left behind."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from tests.support.programs import make_program
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("missing", "does not exist"),
        ("empty", "is empty"),
        ("text", "is text, not video"),
        ("audio_only", "no video"),
        ("without_index", "'"),
        ("directory", "is a directory"),
    ],
)
def test_a_source_that_is_no_video_is_told_in_a_sentence(
    clips: ClipFactory, tmp_path: Path, kind: str, sentence: str
) -> None:
    places = {"missing": lambda: tmp_path / "missing.mp4", "directory": lambda: tmp_path}
    source = (places.get(kind) or getattr(clips, kind))()
    for arguments in (("score", source, clips.moving()), ("compare", "-r", source)):
        outcome = run_cli(*arguments)
        assert outcome.exit_code == 1
        assert outcome.stdout == ""
        assert str(source) in outcome.stderr
        assert sentence in outcome.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("-", "'-' is standard input. Write it to a file first"),
        ("pipe:0", "'pipe:0' is standard input. Write it to a file first"),
        ("frame%04d.png", "'frame%04d.png' is a pattern, and a source is one file."),
        ("frame*.png", "'frame*.png' is a pattern, and a source is one file."),
        ("/dev/null", "'/dev/null' is not a regular file but a device"),
    ],
)
def test_what_ffmpeg_reads_beside_files_is_named_for_what_it_is(
    clips: ClipFactory, tmp_path: Path, name: str, sentence: str
) -> None:
    for arguments in (("score", clips.moving(), name), ("search", "-r", name)):
        outcome = run_cli(*arguments, cwd=tmp_path)
        assert outcome.exit_code == 1
        assert sentence in outcome.stderr


def test_a_file_may_be_called_like_a_pattern(clips: ClipFactory, tmp_path: Path) -> None:
    (tmp_path / "frame%04d.mp4").write_bytes(clips.moving().read_bytes())
    outcome = run_cli("score", "frame%04d.mp4", "frame%04d.mp4", cwd=tmp_path)
    assert outcome.exit_code == 0


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", ".avif"])
def test_a_picture_is_scored_but_not_searched_as_a_film_of_one_frame(
    clips: ClipFactory, tmp_path: Path, suffix: str
) -> None:
    picture = tmp_path / f"picture{suffix}"
    codec = ("-c:v", "libaom-av1", "-cpu-used", "8") if suffix == ".avif" else ()
    clips.run("-i", str(clips.one_frame()), "-frames:v", "1", *codec, str(picture))
    assert run_cli("score", picture, picture).exit_code == 0
    for command in ("search", "compare", "ladder") if suffix == ".png" else ("search",):
        outcome = run_cli(command, "-r", picture)
        assert outcome.exit_code == 1
        assert f"'{picture}' is a single image" in outcome.stderr


def test_a_jpeg_is_called_a_picture(clips: ClipFactory) -> None:
    outcome = run_cli("search", "-r", clips.cover())
    assert outcome.exit_code == 1
    assert "cover.jpg' is a single image (JPEG), not a video." in outcome.stderr


def test_a_clip_that_ends_early_is_not_scored(clips: ClipFactory) -> None:
    outcome = run_cli("score", clips.moving(), clips.cut_short())
    assert outcome.exit_code == 1
    assert outcome.stdout == ""


def test_a_raw_file_without_a_size_is_told_which_options_to_give(clips: ClipFactory) -> None:
    outcome = run_cli("score", clips.raw(), clips.raw())
    assert outcome.exit_code == 1
    assert "--size" in outcome.stderr


def test_a_raw_file_that_does_not_hold_whole_frames_is_refused(clips: ClipFactory) -> None:
    outcome = run_cli("score", clips.raw(), clips.raw(), "--size", "160x92")
    assert outcome.exit_code == 1
    assert "160x92" in outcome.stderr


def test_unequal_frame_counts_are_named_both(clips: ClipFactory) -> None:
    outcome = run_cli("score", clips.moving(), clips.dropped(5))
    assert outcome.exit_code == 1
    assert "has 12 frames" in outcome.stderr
    assert "has 11" in outcome.stderr


def test_a_smaller_distorted_clip_is_upscaled_and_stderr_says_so(clips: ClipFactory) -> None:
    small = clips.moving(size=Resolution(80, 46))
    outcome = run_cli("score", clips.moving(), small)
    assert outcome.exit_code == 0
    assert "80x46" in outcome.stderr
    assert "160x90" in outcome.stderr
    assert outcome.document["score"] < 99


def test_odd_sizes_are_scored_and_refused_only_by_an_encoder_that_cannot(
    clips: ClipFactory,
) -> None:
    odd = clips.odd_size()
    assert run_cli("score", odd, odd).exit_code == 0
    outcome = run_cli("search", "-r", odd, "-c", "libx264", "-t", "80", "--preset", "ultrafast")
    assert outcome.exit_code == 1
    assert "161x91" in outcome.stderr


def test_a_clip_of_one_frame_can_be_scored_and_searched(clips: ClipFactory) -> None:
    single = clips.one_frame()
    assert run_cli("score", single, single).document["n_frames"] == 1
    outcome = run_cli("search", "-r", single, "-t", "70", "--preset", "ultrafast")
    assert outcome.exit_code == 0
    assert outcome.document["vmaf_score"] >= 70


def test_a_variable_frame_rate_is_kept_frame_by_frame_and_told(clips: ClipFactory) -> None:
    outcome = run_cli("search", "-r", clips.variable_rate(), "-t", "80", "--preset", "ultrafast")
    assert outcome.exit_code == 0
    assert "varies" in outcome.stderr


def test_hdr_needs_consent_and_is_then_labelled(clips: ClipFactory) -> None:
    source = clips.hdr_pq()
    refused = run_cli("score", source, source)
    assert refused.exit_code == 1
    assert "--allow-hdr" in refused.stderr
    assert run_cli("score", source, source, "--allow-hdr").document["hdr"] is True


def test_an_unknown_codec_is_told_with_the_nearest_names(clips: ClipFactory) -> None:
    outcome = run_cli("compare", "-r", clips.moving(), "-c", "libx265,libx246")
    assert outcome.exit_code == 2
    assert "Unknown encoder 'libx246'. Did you mean" in outcome.stderr
    assert "libx264" in outcome.stderr


def test_a_codec_that_this_ffmpeg_lacks_is_missing_before_any_work(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path, work_dir: Path
) -> None:
    lacking = make_program(
        tmp_path,
        f'case "$*" in *-encoders*) "{ffmpeg_exe}" "$@" | grep -v libx265; exit;; esac\n'
        f'exec "{ffmpeg_exe}" "$@"',
        name="ffmpeg",
    )
    options = ("--ffmpeg", lacking, "--work-dir", work_dir, "--no-cache", "--preset", "ultrafast")
    alone = run_cli("search", "-r", clips.moving(), "-c", "libx265", "-t", "80", *options)
    assert alone.exit_code == 4
    assert "built without it" in alone.stderr
    among = run_cli("compare", "-r", clips.moving(), "-c", "libx264,libx265", "-t", "80", *options)
    assert among.exit_code == 0
    rows = among.document["rows"]
    assert [(row["codec"], row["ok"]) for row in rows] == [("libx264", True), ("libx265", False)]
    assert rows[1]["best_crf"] == -1
    assert rows[1]["bitrate_kbps"] is None
    assert "built without it" in rows[1]["error"]


def test_hardware_that_is_not_there_is_told_in_ffmpegs_words(clips: ClipFactory) -> None:
    outcome = run_cli("search", "-r", clips.moving(), "-c", "h264_nvenc", "-t", "80", "--no-cache")
    if outcome.exit_code == 0:
        pytest.skip("This machine has NVENC.")
    assert outcome.exit_code == 4
    assert "h264_nvenc cannot be used here" in outcome.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("-t", "101"), "out of the model's range"),
        (("-t", "0"), "out of the model's range"),
        (("-t", "0.95"), "Did you mean 95?"),
        (("-t", "80,930"), "Did you mean 93?"),
        (("-t", "high"), "not a number"),
        (("-t", ","), "No target"),
        (("--crf-lo", "30", "--crf-hi", "20"), "--crf-lo 30 is above --crf-hi 20"),
        (("--crf-lo", "30"), "--crf-lo was given without --crf-hi"),
        (("--crf-hi", "30"), "--crf-hi was given without --crf-lo"),
        (("--crf-lo", "1", "--crf-hi", "99"), "out of the range of libx264"),
        (("--crf-lo", "0", "--crf-hi", "51"), "Below 1 an 8-bit encode is lossless"),
        (("--crf-lo", "20.55", "--crf-hi", "30"), "20.55, is not a value of crf"),
        (("--crf-step", "0.01"), "0.01"),
        (("--preset", "warp"), "warp"),
        (("--encoder-args", "-tune 'film"), "unclosed quote"),
        (("--encoder-args", "-crf 20"), "crf"),
        (("--anchor", "libx265"), "not among the encoders"),
        (("--pool", "median"), "median"),
        (("--backend", "guess"), "guess"),
        (("--format", "yaml"), "yaml"),
        (("--max-iter", "0"), "max-iter"),
        (("--subsample", "0"), "subsample"),
        (("--workers", "0"), "workers"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_usage_error(
    clips: ClipFactory, options: tuple[str, ...], sentence: str
) -> None:
    outcome = run_cli("compare", "-r", clips.moving(), "-c", "libx264", *options)
    assert outcome.exit_code == 2
    assert sentence in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--min-score", "0.93"), "Did you mean 93?"),
        (("--min-score", "930"), "Did you mean 93?"),
        (("--min-score", "nan"), "'nan' is not a number"),
        (("--min-score", "0.93", "--server", "localhost:1"), "Did you mean 93?"),
    ],
)
def test_a_minimum_score_that_is_none_is_refused_before_any_score(
    clips: ClipFactory, options: tuple[str, ...], sentence: str
) -> None:
    outcome = run_cli("score", clips.moving(), clips.moving(), *options)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr


@pytest.mark.parametrize(
    "option", ["--display=64x36", "--ffmpeg=x", "--size=2x2", "--frames", "--no-cache"]
)
def test_an_option_that_a_server_does_not_take_is_refused_by_name(
    clips: ClipFactory, option: str
) -> None:
    outcome = run_cli("score", "a.mp4", "b.mp4", "--server", "localhost:1", option)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    name = option.partition("=")[0].replace("no-cache", "cache")
    assert f"so {name} would have no effect" in outcome.stderr


def test_a_score_just_below_a_minimum_is_not_told_as_that_minimum(clips: ClipFactory) -> None:
    clip, encode = clips.moving(), clips.degraded(30)
    score = run_cli("score", clip, encode).document["score"]
    outcome = run_cli("score", clip, encode, "--min-score", str(score + 0.000002))
    assert outcome.exit_code == 3
    told, _, minimum = outcome.stderr.strip().rstrip(".").partition(" is below --min-score ")
    assert float(told.rpartition(" ")[2]) < float(minimum)


def test_a_model_that_is_nowhere_is_missing(clips: ClipFactory) -> None:
    outcome = run_cli("score", clips.moving(), clips.moving(), "--model", "vmaf_v9")
    assert outcome.exit_code == 4
    assert "vmaf_v9" in outcome.stderr


def test_an_output_that_cannot_be_written_is_told_before_any_work(
    clips: ClipFactory, tmp_path: Path
) -> None:
    for output in (tmp_path / "no" / "such.json", tmp_path):
        outcome = run_cli("compare", "-r", clips.moving(), "-o", output)
        assert outcome.exit_code == 1
        assert str(output) in outcome.stderr


def test_a_work_folder_that_does_not_exist_is_told(clips: ClipFactory, tmp_path: Path) -> None:
    outcome = run_cli(
        "search", "-r", clips.moving(), "-t", "80", "--work-dir", tmp_path / "missing"
    )
    assert outcome.exit_code == 1
    assert "--work-dir" in outcome.stderr


def test_a_full_work_folder_is_told_and_left_empty(clips: ClipFactory, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ("mount", "-t", "tmpfs", "-o", "size=16k", "none", str(folder))
    if os.geteuid() != 0 or subprocess.run(mounting, check=False).returncode != 0:
        pytest.skip("Mounting a small file system is not allowed here.")
    try:
        outcome = run_cli(
            "search", "-r", clips.moving(), "-t", "90", "--preset", "ultrafast",
            "--work-dir", folder,
        )  # fmt: skip
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(("umount", str(folder)), check=True)
    assert outcome.exit_code == 1
    assert "full" in outcome.stderr or "No space left" in outcome.stderr


@pytest.mark.parametrize(
    ("body", "exit_code", "sentence"),
    [
        ("kill -SEGV $$", 4, "cannot be used"),
        ("echo garbage; exit 0", 4, "is not ffmpeg"),
        ("exit 1", 4, "is not ffmpeg"),
    ],
)
def test_a_program_that_is_no_ffmpeg_is_refused(
    clips: ClipFactory, tmp_path: Path, body: str, exit_code: int, sentence: str
) -> None:
    fake = make_program(tmp_path, body, name="ffmpeg")
    outcome = run_cli("search", "-r", clips.moving(), "-t", "80", "--ffmpeg", fake)
    assert outcome.exit_code == exit_code
    assert sentence in outcome.stderr


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("kill -SEGV $$", "command:"),
        ("sleep 100", "made no progress"),
        ("head -c 3000000 /dev/urandom >&2; exit 0", "'"),
    ],
)
def test_an_ffmpeg_that_crashes_hangs_or_prints_garbage_while_encoding_fails_the_search(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path, work_dir: Path, body: str, sentence: str
) -> None:
    # It answers questions as ffmpeg does, and breaks where an encode is asked of it.
    fake = make_program(
        tmp_path,
        f'case "$*" in *probe*part*) {body};; esac\nexec "{ffmpeg_exe}" "$@"',
        name="ffmpeg",
    )
    options = ("--ffmpeg", fake, "--work-dir", work_dir, "--no-cache", "--timeout", "2")
    outcome = run_cli("search", "-r", clips.moving(), "-t", "80", *options)
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert sentence in outcome.stderr
