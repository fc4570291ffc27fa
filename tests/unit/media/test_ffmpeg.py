"""Finding ffmpeg in the order of the documentation, and telling it about sources."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.programs import make_program
from vmafx_tune.errors import CancelledError, ToolNotFoundError
from vmafx_tune.media import ffmpeg as module
from vmafx_tune.media.ffmpeg import Ffmpeg, find_ffmpeg, list_encoders
from vmafx_tune.media.inputs import file_url, input_guard, input_options, without_guard
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import PixelFormat, RawFormat, Resolution, Source

NO_PATH = {"PATH": "/nonexistent"}


def fake_ffmpeg(folder: Path, version: str = "7.1", name: str = "ffmpeg") -> Path:
    """Make a program that answers to -version as ffmpeg does."""
    folder.mkdir(exist_ok=True)
    return make_program(folder, f"echo 'ffmpeg version {version} Copyright (c) 2000-2024'", name)


@pytest.fixture
def runner() -> ProcessRunner:
    return ProcessRunner(stall_timeout_s=5.0)


@pytest.fixture
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)


def test_the_one_named_is_used_before_all_others(tmp_path: Path, runner: ProcessRunner) -> None:
    named = fake_ffmpeg(tmp_path / "a", "6.0")
    by_variable = fake_ffmpeg(tmp_path / "b", "6.1")
    found = find_ffmpeg(named, runner, {"VMAFX_FFMPEG": str(by_variable)})
    assert found == Ffmpeg(named, "6.0", "--ffmpeg")


def test_the_variable_goes_before_the_installed_build(
    tmp_path: Path, runner: ProcessRunner
) -> None:
    by_variable = fake_ffmpeg(tmp_path, "6.1")
    found = find_ffmpeg(None, runner, {"VMAFX_FFMPEG": str(by_variable)})
    assert found == Ffmpeg(by_variable, "6.1", "VMAFX_FFMPEG")


def test_an_empty_variable_counts_as_unset(tmp_path: Path, runner: ProcessRunner) -> None:
    assert find_ffmpeg(None, runner, {"VMAFX_FFMPEG": "", **NO_PATH}).origin == "imageio-ffmpeg"


def test_the_installed_build_goes_before_path(tmp_path: Path, runner: ProcessRunner) -> None:
    fake_ffmpeg(tmp_path)
    found = find_ffmpeg(None, runner, {"PATH": str(tmp_path)})
    assert found.origin == "imageio-ffmpeg"
    assert found.path.parent.name == "binaries"
    assert found.path.is_absolute()


@pytest.mark.usefixtures("no_bundle")
def test_path_comes_last(tmp_path: Path, runner: ProcessRunner) -> None:
    on_path = fake_ffmpeg(tmp_path, "N-118000-gabcdef")
    found = find_ffmpeg(None, runner, {"PATH": str(tmp_path)})
    assert found == Ffmpeg(on_path, "N-118000-gabcdef", "PATH")


def test_a_broken_build_makes_way_for_path(
    tmp_path: Path, runner: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = make_program(tmp_path, "exit 127", "ffmpeg-linux-x86_64-v7.1")
    monkeypatch.setattr(module, "_bundled", lambda: broken)
    fake_ffmpeg(tmp_path / "bin")
    assert find_ffmpeg(None, runner, {"PATH": str(tmp_path / "bin")}).origin == "PATH"


@pytest.mark.usefixtures("no_bundle")
def test_without_any_ffmpeg_the_error_says_what_to_do(runner: ProcessRunner) -> None:
    with pytest.raises(ToolNotFoundError) as caught:
        find_ffmpeg(None, runner, NO_PATH)
    message = str(caught.value)
    for place in ("--ffmpeg", "VMAFX_FFMPEG", "imageio-ffmpeg", "PATH"):
        assert place in message


def test_what_failed_on_the_way_is_told(
    tmp_path: Path, runner: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = make_program(tmp_path, "exit 127", "ffmpeg-linux-x86_64-v7.1")
    monkeypatch.setattr(module, "_bundled", lambda: broken)
    with pytest.raises(ToolNotFoundError, match=r"v7\.1' is not ffmpeg"):
        find_ffmpeg(None, runner, NO_PATH)


@pytest.mark.parametrize("origin", ["--ffmpeg", "VMAFX_FFMPEG"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "does not exist"),
        ("echo GNU coreutils 9.1", "is not ffmpeg"),
        ("exit 1", "is not ffmpeg"),
        ("kill -SEGV $$", "is not ffmpeg"),
        ("head -c 2000 /dev/urandom", "is not ffmpeg"),
        ("sleep 1000", "made no progress for 0.5 s"),
        ("echo ffmpeg version 4.4.2-0ubuntu0.22.04.1 x", "but 5.1 or newer is required"),
    ],
)
def test_one_that_is_named_but_cannot_be_used_is_an_error(
    tmp_path: Path, origin: str, body: str | None, reason: str
) -> None:
    path = tmp_path / "missing" if body is None else make_program(tmp_path, body)
    explicit = path if origin == "--ffmpeg" else None
    with pytest.raises(ToolNotFoundError) as caught:
        find_ffmpeg(explicit, ProcessRunner(stall_timeout_s=0.5), {"VMAFX_FFMPEG": str(path)})
    message = str(caught.value)
    assert message.startswith(f"{origin} is '{path}', which cannot be used.")
    assert reason in message
    assert caught.value.exit_code == 4


def test_a_folder_is_no_ffmpeg(tmp_path: Path, runner: ProcessRunner) -> None:
    with pytest.raises(ToolNotFoundError, match="is a folder, not a program"):
        find_ffmpeg(tmp_path, runner, {})


def test_a_bare_name_is_looked_up_on_path(tmp_path: Path, runner: ProcessRunner) -> None:
    mine = fake_ffmpeg(tmp_path, name="my-ffmpeg")
    found = find_ffmpeg(Path("my-ffmpeg"), runner, {"PATH": str(tmp_path)})
    assert (found.path, found.origin) == (mine, "--ffmpeg")


def test_a_bare_name_is_not_what_lies_in_the_working_directory(
    tmp_path: Path, runner: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work" / "my-ffmpeg").mkdir(parents=True)
    program = fake_ffmpeg(tmp_path, name="my-ffmpeg")
    monkeypatch.chdir(tmp_path / "work")
    assert find_ffmpeg(Path("my-ffmpeg"), runner, {"PATH": str(tmp_path)}).path == program


def test_a_relative_path_becomes_absolute(
    tmp_path: Path, runner: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_ffmpeg(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert find_ffmpeg(Path("ffmpeg"), runner, NO_PATH).path == program


@pytest.mark.parametrize(
    "version", ["5.1", "n9.0.2-17-g2a571b6068-20260930", "2024-05-01-git-abc", "git-2020-01-01"]
)
def test_releases_from_5_1_and_development_builds_are_taken(
    tmp_path: Path, runner: ProcessRunner, version: str
) -> None:
    assert find_ffmpeg(fake_ffmpeg(tmp_path, version), runner, {}).version == version


def test_a_cancelled_search_is_cancelled_not_a_missing_ffmpeg(runner: ProcessRunner) -> None:
    runner.cancel.cancel()
    with pytest.raises(CancelledError):
        find_ffmpeg(None, runner, NO_PATH)


def test_finding_the_installed_build_imports_neither_it_nor_numpy() -> None:
    code = (
        "import sys\n"
        "from vmafx_tune.media.ffmpeg import find_ffmpeg\n"
        "from vmafx_tune.media.process import ProcessRunner\n"
        "find_ffmpeg(None, ProcessRunner())\n"
        "print({'imageio_ffmpeg', 'numpy', 'av', 'ffmpeg'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"


ENCODERS = """\
Encoders:
 V..... = Video
 A..... = Audio
 .....D = Supports direct rendering method 1
 ------
 V....D libx264              libx264 H.264 / AVC (codec h264)
 V..... libsvtav1            SVT-AV1 (codec av1)
 VF...D libvpx-vp9           libvpx VP9 (codec vp9)
 A....D aac                  AAC (Advanced Audio Coding)
"""


def test_the_encoders_of_a_build_are_asked_once(tmp_path: Path, runner: ProcessRunner) -> None:
    calls = tmp_path / "calls"
    program = make_program(tmp_path, f"echo x >> {calls}\ncat <<'END'\n{ENCODERS}END")
    ffmpeg = Ffmpeg(program, "7.1", "--ffmpeg")
    expected = {"libx264", "libsvtav1", "libvpx-vp9", "aac"}
    assert list_encoders(ffmpeg, runner) == expected
    assert list_encoders(ffmpeg, runner) == expected
    assert calls.read_text() == "x\n"


def test_a_path_is_never_taken_for_an_option_or_a_protocol() -> None:
    assert file_url(Path("-i.mp4")) == "file:-i.mp4"
    assert file_url(Path("concat:a|b")) == "file:concat:a|b"


def source(raw: RawFormat | None) -> Source:
    return Source(
        path=Path("clip.yuv"),
        resolution=Resolution(176, 144),
        frame_rate=Fraction(30000, 1001),
        n_frames=10,
        pixel_format=PixelFormat("yuv420p", 8, "420"),
        codec="rawvideo",
        raw=raw,
    )


def test_a_raw_source_is_described_by_its_geometry() -> None:
    raw = RawFormat(Resolution(176, 144), "yuv420p", Fraction(30000, 1001))
    assert input_options(source(raw)) == {
        "format": "rawvideo",
        "video_size": (176, 144),
        "pixel_format": "yuv420p",
        "framerate": "30000/1001",
    }


def test_a_source_with_a_header_needs_no_description() -> None:
    assert input_options(source(None)) == {}


def test_people_are_shown_a_command_without_its_guard() -> None:
    guard = [part for name, value in input_guard().items() for part in (f"-{name}", value)]
    argv = ("ffmpeg", *guard, "-i", "a.mp4", *guard, "-i", "b.mp4", "-f", "null", "-")
    assert without_guard(argv) == ("ffmpeg", "-i", "a.mp4", "-i", "b.mp4", "-f", "null", "-")
    assert without_guard(()) == ()
