"""An ffmpeg that crashes, hangs, or talks nonsense: a typed error, and the next score works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.programs import make_program
from vmafx_tune import score
from vmafx_tune.errors import (
    LibvmafNotFoundError,
    ScoringError,
    ToolError,
    ToolNotFoundError,
    ToolOutputError,
    ToolTimeoutError,
    VmafxTuneError,
)
from vmafx_tune.options import ScoringOptions, ToolOptions
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

# What the stand-in does once it is asked to compare clips; to all else it answers like ffmpeg.
FAILURES: dict[str, tuple[str, type[VmafxTuneError], str]] = {
    "crashes": ("kill -SEGV $$", ToolError, "killed by SIGSEGV"),
    "is killed": ("kill -KILL $$", ToolError, "killed by SIGKILL"),
    "fails without a word": ("exit 1", ToolError, "exit status 1"),
    "says that it succeeded": ("exit 0", ToolOutputError, "valid libvmaf log"),
    "hangs": ("sleep 1000", ToolTimeoutError, "made no progress"),
    "hangs with its children": ("sleep 1000 & wait", ToolTimeoutError, "made no progress"),
    "tells of progress but makes none": (
        "while :; do echo frame=0; sleep 0.05; done",
        ToolTimeoutError,
        "made no progress",
    ),
    "tells of ever more frames": (
        "i=0; while :; do i=$((i + 100)); echo frame=$i; sleep 0.01; done",
        ToolTimeoutError,
        "made no progress",
    ),
    "counts up and down": (
        "while :; do echo frame=1; echo frame=2; sleep 0.01; done",
        ToolTimeoutError,
        "made no progress",
    ),
    "leaves a pipe for a log": ("mkfifo vmaf.json", ToolOutputError, "valid log|valid libvmaf log"),
    "leaves a device for a log": (
        "ln -s /dev/zero vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "leaves a folder for a log": (
        "mkdir vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "leaves a log that is far too large": (
        "truncate -s 20G vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "writes scores beyond all numbers": (
        """echo '{"frames": [{"frameNum": 0, "metrics": {"vmaf": 1e308}}]}' > vmaf.json""",
        VmafxTuneError,
        "score|frames",
    ),
    "writes metrics of another shape": (
        """echo '{"frames": [{"frameNum": 0, "metrics": ["vmaf"]}]}' > vmaf.json""",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "writes a log that is no JSON": (
        "echo '<xml/>' > vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "writes a log that is cut": (
        "echo '{\"frames\": [{' > vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "writes a log of another shape": (
        "echo '[1, 2]' > vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "writes a log without scores": (
        'echo \'{"version": "3", "frames": []}\' > vmaf.json',
        ScoringError,
        "score any frame",
    ),
    "writes a log that nests without end": (
        "head -c 300000 /dev/zero | tr '\\0' '[' > vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "writes a log of noise": (
        "head -c 100000 /dev/urandom > vmaf.json",
        ToolOutputError,
        "valid log|valid libvmaf log",
    ),
    "prints noise and fails": (
        "head -c 1000000 /dev/urandom; head -c 1000000 /dev/urandom >&2; exit 1",
        ToolError,
        "exit status 1",
    ),
    "prints 10 MB of stderr and fails": (
        "yes 'something is wrong here, says ffmpeg' | head -c 10000000 >&2; exit 1",
        ToolError,
        "exit status 1",
    ),
    "prints a line of 10 MB and fails": (
        "head -c 10000000 /dev/zero | tr '\\0' x >&2; exit 1",
        ToolError,
        "exit status 1",
    ),
}


@pytest.fixture
def pair(clips: ClipFactory) -> tuple[Path, Path]:
    return clips.moving(), clips.degraded(40)


def stand_in(folder: Path, ffmpeg: Path, body: str) -> Path:
    return make_program(
        folder,
        f'case "$*" in\n*-progress*) {body}\n;;\n*) exec {ffmpeg} "$@" ;;\nesac',
        "ffmpeg",
    )


@pytest.mark.parametrize("failure", FAILURES)
def test_an_ffmpeg_that_fails_is_a_typed_error_and_the_next_score_works(
    pair: tuple[Path, Path], ffmpeg_exe: Path, tmp_path: Path, failure: str
) -> None:
    body, kind, words = FAILURES[failure]
    scoring = ScoringOptions(backend="ffmpeg")
    work = tmp_path / "work"
    work.mkdir()
    # Only what hangs is waited for to the end.
    timeout_s = 2.0 if kind is ToolTimeoutError else 300.0
    program = stand_in(tmp_path, ffmpeg_exe, body)
    broken = ToolOptions(ffmpeg=program, timeout_s=timeout_s, work_dir=work)
    with pytest.raises(kind, match=words) as caught:
        score(*pair, scoring=scoring, tools=broken)
    assert len(str(caught.value)) < 1000
    assert len(getattr(caught.value, "stderr_tail", "")) < 300_000
    assert list(work.iterdir()) == []

    assert score(*pair, scoring=scoring, tools=ToolOptions(ffmpeg=ffmpeg_exe)).score > 0


def test_one_session_goes_on_after_a_failure(
    pair: tuple[Path, Path], ffmpeg_exe: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "failed-before"
    body = f'if [ -e {marker} ]; then exec {ffmpeg_exe} "$@"; fi; touch {marker}; kill -SEGV $$'
    session = Session(ToolOptions(ffmpeg=stand_in(tmp_path, ffmpeg_exe, body)))
    scoring = ScoringOptions(backend="ffmpeg")
    with pytest.raises(ToolError, match="killed by SIGSEGV"):
        score(*pair, scoring=scoring, session=session)
    assert score(*pair, scoring=scoring, session=session).score > 0


@pytest.mark.parametrize(
    "body", ["exit 1", "echo hello", "kill -SEGV $$", "head -c 100000 /dev/urandom"]
)
def test_a_program_that_is_no_ffmpeg_is_named(
    pair: tuple[Path, Path], tmp_path: Path, body: str
) -> None:
    program = make_program(tmp_path, body, "ffmpeg")
    with pytest.raises(ToolNotFoundError, match="is not ffmpeg"):
        score(*pair, scoring=ScoringOptions(backend="ffmpeg"), tools=ToolOptions(ffmpeg=program))


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("VMAFX_FFMPEG", r"VMAFX_FFMPEG is '.*cut', which cannot be used"),
        ("VMAFX_LIBVMAF", r"No usable libvmaf library was found \(.*cut"),
        ("VMAFX_VMAF_BINARY", r"The program '.*cut' does not exist or cannot be run"),
    ],
)
def test_what_was_named_and_cannot_be_used_is_an_error_and_no_other_backend_steps_in(
    clips: ClipFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(b"\x7fELF cut short")
    cut.chmod(0o644 if variable == "VMAFX_VMAF_BINARY" else 0o755)
    monkeypatch.setenv(variable, str(cut))

    with pytest.raises((ToolNotFoundError, LibvmafNotFoundError), match=said) as caught:
        score(clips.moving(), clips.degraded(30))
    assert caught.value.exit_code == 4
