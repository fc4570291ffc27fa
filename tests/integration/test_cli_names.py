"""Names of files with any bytes, and as long as they can be: read, told, and printed to be run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import command, run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

UNDECODABLE = b"caf\xe9 it's 100%\n\x1b[31m.mkv"
LONG = b"n" * 246 + b".mkv"
LONG_CHARACTERS = ("é" * 123 + ".mkv").encode()
FAST = ("--preset", "ultrafast", "--crf-lo", "30", "--crf-hi", "34")


def copied(clip: Path, folder: Path, name: bytes) -> bytes:
    """Copy a clip, and return its name as ffmpeg and shells see it."""
    shutil.copy(clip, folder / os.fsdecode(name))
    return name


def run(folder: Path, *arguments: str | bytes, locale: str = "C.UTF-8") -> tuple[int, bytes, bytes]:
    """Run a command in `folder`, whose arguments and output may be any bytes."""
    done = subprocess.run(
        [*command(), *arguments],
        cwd=folder,
        env=os.environ | {"LC_ALL": locale},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def document(folder: Path, *arguments: str | bytes, locale: str = "C.UTF-8") -> Any:
    """Run a command that must do well, and read its JSON strictly."""
    exit_code, stdout, stderr = run(folder, *arguments, "--format", "json", locale=locale)
    assert exit_code == 0, stderr
    return json.loads(stdout.decode())


@pytest.mark.parametrize("name", [UNDECODABLE, LONG, LONG_CHARACTERS])
def test_the_printed_command_makes_the_very_encode_in_any_shell(
    clips: ClipFactory, tmp_path: Path, name: bytes
) -> None:
    source = copied(clips.moving(suffix=".mkv"), tmp_path, name)
    found = document(tmp_path, "search", "-r", source, "-t", "40", *FAST)
    before = set(tmp_path.iterdir())
    subprocess.run(
        ["sh", "-c", found["encode_command"]], cwd=tmp_path, capture_output=True, check=True
    )
    (made,) = (os.fsencode(path.name) for path in set(tmp_path.iterdir()) - before)
    assert made.endswith(f".libx264.crf{found['best_crf']}.mp4".encode())
    again = document(tmp_path, "score", source, made)
    assert again["score"] == pytest.approx(found["vmaf_score"], abs=1e-6)


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_a_name_that_is_not_utf8_is_written_in_every_format(
    clips: ClipFactory, tmp_path: Path, locale: str
) -> None:
    source = copied(clips.moving(suffix=".mkv"), tmp_path, UNDECODABLE)
    shown = "caf\N{REPLACEMENT CHARACTER} it's"
    assert shown in document(tmp_path, "score", source, source, locale=locale)["reference"]
    for fmt in ("table", "csv"):
        exit_code, stdout, _ = run(
            tmp_path, "score", source, source, "--format", fmt, locale=locale
        )
        assert exit_code == 0
        assert b"\x1b" not in stdout or fmt == "csv"
    for fmt in ("table", "markdown", "csv", "html"):
        exit_code, stdout, _ = run(
            tmp_path, "compare", "-r", source, "-c", "libx264", "-t", "40", *FAST, "--format", fmt,
            locale=locale,
        )  # fmt: skip
        assert (exit_code, b"caf" in stdout) == (0, True)


def test_a_name_that_is_not_utf8_survives_a_saved_ladder(
    clips: ClipFactory, tmp_path: Path
) -> None:
    source = copied(clips.moving(suffix=".mkv"), tmp_path, UNDECODABLE)
    options = ("-t", "40", "--resolutions", "160x90", *FAST)
    assert run(tmp_path, "ladder", "-r", source, *options, "-o", b"l\xe9.json")[0] == 0
    saved = json.loads((tmp_path / os.fsdecode(b"l\xe9.json")).read_text(encoding="utf-8"))
    assert document(tmp_path, "ladder", "--from-json", b"l\xe9.json") == saved
    assert "$(printf" in saved["renditions"][0]["encode_command"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", b"no\xe9.mkv", "b.mkv"),
        ("search", "-r", b"no\xe9.mkv", "-t", "80"),
        ("search", "-r", b"http://x\xe9/a.mkv", "-t", "80"),
        ("search", "-r", "a.mkv", "-t", "80", "-c", b"x\xe9"),
        ("search", "-r", "a.mkv", "-t", "80", "--cluster", b"tcp://x\xe9:1"),
        ("score", "a.mkv", "b.mkv", "--server", b"x\xe9:1"),
        ("score", b"a\xe9.mkv", "b.mkv", "--server", "localhost:1"),
        ("score", "a.mkv", "b.mkv", "-o", b"no\xe9/x.json"),
        ("score", "a.mkv", "b.mkv", "-o", b"x.\xe9"),
        ("ladder", "--from-json", b"no\xe9.json"),
        ("search", "-r", "a.mkv", "-t", "80", "--filter", b"drawtext=text=x\xe9"),
        ("schema", b"x\xe9"),
        ("serve", "--host", b"x\xe9"),
        ("serve", "--media-roots", b"x\xe9"),
    ],
)
def test_bytes_that_are_not_text_are_told_in_a_sentence(
    tmp_path: Path, arguments: tuple[str | bytes, ...]
) -> None:
    exit_code, stdout, stderr = run(tmp_path, *arguments)
    assert exit_code in {1, 2}
    assert stdout == b""
    assert len(stderr.decode().splitlines()) == 1


def test_a_library_whose_name_is_not_utf8_is_told(clips: ClipFactory, tmp_path: Path) -> None:
    clip = clips.moving()
    outcome = run_cli(
        "score", clip, clip, "--backend", "libvmaf",
        env={"VMAFX_LIBVMAF": os.fsdecode(b"no\xe9.so")}, cwd=tmp_path,
    )  # fmt: skip
    assert outcome.exit_code == 4
    assert "No usable libvmaf" in outcome.stderr


def test_the_longest_name_is_written_to(clips: ClipFactory, tmp_path: Path) -> None:
    output = tmp_path / f"{'n' * 250}.json"
    assert run_cli("score", clips.moving(), clips.moving(), "-o", output).exit_code == 0
    assert [output] == list(tmp_path.iterdir())
