"""Running encodes: what is measured, and what goes wrong with tools that misbehave."""

from __future__ import annotations

import dataclasses
import resource
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import children_running, make_program, needs_proc, wait_until
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.errors import (
    CancelledError,
    EncodeFailedError,
    EncoderUnavailableError,
    MediaError,
    OutputError,
    TooLargeError,
    ToolNotFoundError,
    ToolOutputError,
    ToolTimeoutError,
    UsageError,
)
from vmafx_tune.media.ffmpeg import Ffmpeg
from vmafx_tune.media.process import ProcessRunner

from .specs import make_source, make_spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.errors import VmafxTuneError

# The last argument is the output, as `file:PATH`; what comes before leaves it half-written.
HALF_WRITTEN = 'for last; do :; done; printf half > "${last#file:}"'
DISK_FULL = "echo '[out#0/mp4 @ 0x1] [error] Error writing trailer: No space left on device' >&2"


def encoder_of(program: Path, runner: ProcessRunner | None = None) -> FfmpegEncoder:
    """Encode with a program in place of ffmpeg."""
    return FfmpegEncoder(Ffmpeg(program, "7.1", "--ffmpeg"), runner or ProcessRunner())


def failure_of(folder: Path, body: str, runner: ProcessRunner | None = None) -> VmafxTuneError:
    """Encode with a script, which must fail and leave nothing behind."""
    program = make_program(folder, f"{HALF_WRITTEN}\n{body}", "ffmpeg")
    work = folder / "work"
    work.mkdir()
    with pytest.raises((EncodeFailedError, ToolOutputError, OutputError, ToolTimeoutError)) as e:
        encoder_of(program, runner).encode(make_spec(), work / "out.mp4")
    assert list(work.iterdir()) == []
    return e.value


@pytest.mark.parametrize(
    "instead", ["mkfifo", "mkdir", "ln -s /dev/zero", "ln -s /nowhere", ": rm"]
)
def test_what_is_no_file_is_no_encode(tmp_path: Path, instead: str) -> None:
    error = failure_of(tmp_path, f'rm "${{last#file:}}"; {instead} "${{last#file:}}"')
    assert isinstance(error, ToolOutputError)
    assert "did not write a readable video" in str(error)


def test_frames_beyond_the_sources_are_no_progress(tmp_path: Path) -> None:
    body = "i=0; while :; do i=$((i + 100)); echo frame=$i; sleep 0.01; done"
    error = failure_of(tmp_path, body, ProcessRunner(stall_timeout_s=1.0))
    assert isinstance(error, ToolTimeoutError)


def test_a_failed_encode_tells_ffmpegs_reason_with_command_and_log(tmp_path: Path) -> None:
    error = failure_of(
        tmp_path,
        "echo '[libx264 @ 0x1] [error] width not divisible by 2 (161x90)' >&2\n"
        "echo 'Conversion failed!' >&2\nexit 187",
    )
    assert isinstance(error, EncodeFailedError)
    assert str(error) == (
        "libx264 could not encode 'clips/clip.mp4' at crf 30: width not divisible by 2 (161x90)."
    )
    assert error.argv[0] == str(tmp_path / "ffmpeg")
    assert error.argv[-1].startswith("file:")
    assert error.returncode == 187
    assert error.stderr_tail.endswith("Conversion failed!")


def test_a_crash_names_the_signal(tmp_path: Path) -> None:
    error = failure_of(tmp_path, "kill -SEGV $$")
    assert isinstance(error, EncodeFailedError)
    assert "killed by SIGSEGV" in str(error)


def test_the_reason_is_found_behind_megabytes_of_log(tmp_path: Path) -> None:
    error = failure_of(
        tmp_path,
        "yes '[info] chatter chatter chatter chatter' | head -n 50000 >&2\n"
        "echo '[error] the real reason' >&2; exit 1",
    )
    assert "the real reason" in str(error)


def test_a_hanging_ffmpeg_is_stopped(tmp_path: Path) -> None:
    error = failure_of(tmp_path, "sleep 1000", ProcessRunner(stall_timeout_s=0.4))
    assert isinstance(error, ToolTimeoutError)


def test_frames_that_do_not_advance_count_as_a_hang(tmp_path: Path) -> None:
    body = "while :; do echo frame=7; echo progress=continue; sleep 0.02; done"
    error = failure_of(tmp_path, body, ProcessRunner(stall_timeout_s=0.4))
    assert isinstance(error, ToolTimeoutError)


@pytest.mark.parametrize(
    "body", ["exit 0", 'head -c 5000 /dev/urandom > "${last#file:}"', ': > "${last#file:}"']
)
def test_an_ffmpeg_that_writes_no_video_is_found_out(tmp_path: Path, body: str) -> None:
    error = failure_of(tmp_path, body)
    assert isinstance(error, ToolOutputError)
    assert "did not write a readable video" in str(error)


def test_garbage_on_stdout_and_stderr_is_survived(tmp_path: Path) -> None:
    error = failure_of(
        tmp_path, "head -c 200000 /dev/urandom; head -c 200000 /dev/urandom >&2; exit 1"
    )
    assert isinstance(error, EncodeFailedError)


def test_a_full_disk_names_the_work_folder(tmp_path: Path) -> None:
    error = failure_of(tmp_path, f"{DISK_FULL}; exit 228")
    assert isinstance(error, OutputError)
    assert f"The encode does not fit into '{tmp_path / 'work'}'" in str(error)
    assert "--work-dir" in str(error)


def test_a_limit_on_file_sizes_counts_as_a_full_disk(tmp_path: Path) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert soft == resource.RLIM_INFINITY or soft > 1_000_000
    error = failure_of(tmp_path, 'ulimit -f 4; exec head -c 100000 /dev/zero > "${last#file:}"')
    assert isinstance(error, OutputError)


def test_an_encoder_that_ffmpeg_lacks_is_unavailable(tmp_path: Path) -> None:
    body = "echo \"[vost#0:0 @ 0x1] [fatal] Unknown encoder 'libx264'\" >&2; exit 8"
    program = make_program(tmp_path, body, "ffmpeg")
    with pytest.raises(EncoderUnavailableError, match="Unknown encoder 'libx264'"):
        encoder_of(program).encode(make_spec(), tmp_path / "out.mp4")


def test_a_missing_ffmpeg_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError):
        encoder_of(tmp_path / "nothing").encode(make_spec(), tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_target_whose_folder_is_missing_is_an_output_error(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "out.mp4"
    with pytest.raises(OutputError, match=r"out\.mp4' cannot be written: No such file"):
        encoder_of(make_program(tmp_path, "exit 0")).encode(make_spec(), target)


@pytest.mark.parametrize(
    ("quality", "width", "error"), [(99.0, 640, UsageError), (30.0, 641, MediaError)]
)
def test_what_cannot_work_is_refused_before_ffmpeg_runs(
    tmp_path: Path, quality: float, width: int, error: type[Exception]
) -> None:
    program = make_program(tmp_path, f"touch {tmp_path / 'ran'}")
    spec = make_spec(quality=quality, source=make_source(width=width))
    with pytest.raises(error):
        encoder_of(program).encode(spec, tmp_path / "out.mp4")
    assert not (tmp_path / "ran").exists()


@needs_proc
def test_cancelling_leaves_no_file_and_no_child(tmp_path: Path) -> None:
    program = make_program(tmp_path, f"{HALF_WRITTEN}; echo frame=1; sleep 1000", "fake-ffmpeg")
    work = tmp_path / "work"
    work.mkdir()
    runner = ProcessRunner()
    started = threading.Event()

    def cancel() -> None:
        started.wait()
        runner.cancel.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(CancelledError):
        encoder_of(program, runner).encode(
            make_spec(), work / "out.mp4", on_progress=lambda _: started.set()
        )
    thread.join()
    assert list(work.iterdir()) == []
    wait_until(lambda: not children_running(str(program)))


def test_an_existing_target_survives_a_failed_encode(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("older")
    program = make_program(tmp_path, f"{HALF_WRITTEN}; exit 1")
    with pytest.raises(EncodeFailedError):
        encoder_of(program).encode(make_spec(), target)
    assert target.read_text() == "older"


def test_a_target_that_cannot_be_replaced_is_an_output_error(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    target.mkdir()
    program = make_program(tmp_path, f'for last; do :; done; cp {clip} "${{last#file:}}"')
    with pytest.raises(OutputError, match=r"out\.mp4' cannot be written"):
        encoder_of(program).encode(make_spec(), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "program"]


def test_frames_are_told_as_they_grow(tmp_path: Path, clip: Path) -> None:
    body = (
        "echo frame=0; echo bitrate=N/A; echo frame=  3; echo frame=3; echo 'POC 1 frame=9 bits';\n"
        "echo frame=12; echo progress=end\n"
        f'for last; do :; done; cp {clip} "${{last#file:}}"'
    )
    told: list[int] = []
    outcome = encoder_of(make_program(tmp_path, body)).encode(
        make_spec(), tmp_path / "out.mp4", on_progress=told.append
    )
    assert told == [3, 12]
    assert outcome.encoded.path == tmp_path / "out.mp4"
    assert outcome.n_frames == 12


@pytest.fixture(scope="module")
def clip(clips: ClipFactory) -> Path:
    """A real clip of 12 frames, which fakes pass off as their own."""
    return clips.moving()


def test_an_encode_that_is_certain_to_be_too_large_is_ended_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    reports = "printf 'frame=5\\ntotal_size=900000\\nprogress=continue\\n'"
    program = make_program(tmp_path, f"{HALF_WRITTEN}\n{reports}\nexec sleep 60", "ffmpeg")
    work = tmp_path / "work"
    work.mkdir()
    spec = dataclasses.replace(make_spec(), max_bitrate_kbps=400.0)
    with pytest.raises(TooLargeError):
        encoder_of(program, ProcessRunner(stall_timeout_s=30)).encode(spec, work / "out.mp4")
    assert list(work.iterdir()) == []
