"""Packages in a browser: hls.js, dash.js and Shaka Player play every rung of them."""

from __future__ import annotations

import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PLAYERS, Browser
from tests.support.cli import run_cli
from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.package.packager import find_packager

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/example.mp4"
SUBTITLES = "1\n00:00:00,500 --> 00:00:02,000\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nWorld\n"
BUNDLED = Path(str(files("vmafx_tune"))) / "package/_bundled/hls.min.js"
QUICK = ("-t", "60,90", "--preset", "ultrafast", "--crf-step", "8", "--min-bitrate-gap", "0")
SIZES = ("--resolutions", "640x360,320x180", "--max-rungs", "2")


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser.installed()


@pytest.fixture(scope="module")
def package(browser: Browser, clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in AVC, HEVC and AV1, with audio in two languages, and subtitles."""
    try:
        find_packager(None, ProcessRunner())
    except ToolNotFoundError as error:
        pytest.skip(str(error))
    here = tmp_path_factory.mktemp("desk")
    (here / "en.srt").write_text(SUBTITLES, encoding="utf-8")
    tone = ("-f", "lavfi", "-i", "sine=duration=4.5")
    clips.run(
        *("-i", str(EXAMPLE), *tone, *tone, "-i", str(here / "en.srt")),
        *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-c:v", "copy", "-c:s", "srt"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-metadata:s:s:0", "language=eng", str(here / "source.mkv")),
    )
    codecs = ("libx264", "libx265", "libsvtav1")
    asked = ("-r", "source.mkv", "-c", ",".join(codecs), *QUICK, *SIZES, "-o", "{codec}.json")
    assert run_cli("ladder", *asked, cwd=here).exit_code == 0
    ladders = [f"{codec}.json" for codec in codecs]
    page = ("--player",) if BUNDLED.is_file() else ()
    asked = ("-o", "title", "--segment", "2", "--no-verify", *page)
    done = run_cli("package", *ladders, *asked, cwd=here)
    assert done.exit_code == 0, done.stderr
    return here / "title"


@pytest.mark.parametrize("player", PLAYERS)
def test_a_player_reaches_every_rung_and_the_end_with_sound_and_captions(
    package: Path, browser: Browser, player: str, tmp_path: Path
) -> None:
    seen = browser.play(package, player, tmp_path / "end.png")
    assert seen.get("failed") is None, seen
    assert seen["reached"] == seen["order"]
    # At most one at a switch, by the player's own count.
    assert seen["dropped"] <= len(seen["order"]) < seen["frames"]
    # Chromium has no HEVC, and hls.js takes all other codecs.
    codecs = {rung.partition(".")[0] for rung in seen["rungs"]}
    assert codecs == {"avc1", "av01"} if player == "hls.js" else codecs <= {"avc1", "av01"}
    assert seen["errors"] == seen["thrown"] == seen["missing"] == []
    assert seen["ended"]
    assert seen["duration"] == pytest.approx(4.5, abs=0.05)
    assert seen["audioBytes"] > 0
    assert seen["audio"] == ["en", "de"]
    assert seen["cues"] == ["Hello", "World"]


def test_each_codec_plays_alone(package: Path, browser: Browser, tmp_path: Path) -> None:
    for codec in ("avc1", "av01"):
        alone = tmp_path / codec
        shutil.copytree(package, alone)
        lines = (alone / "master.m3u8").read_text(encoding="utf-8").splitlines()
        others = [i for i, line in enumerate(lines) if "STREAM-INF" in line and codec not in line]
        dropped = {*others, *(i + 1 for i in others if "I-FRAME" not in lines[i])}
        kept = [line for i, line in enumerate(lines) if i not in dropped]
        (alone / "master.m3u8").write_text("\n".join(kept) + "\n", encoding="utf-8")
        seen = browser.play(alone, "hls.js")
        assert seen.get("failed") is None, seen
        assert (seen["reached"], seen["errors"]) == (seen["order"], [])
        assert all(rung.startswith(codec) for rung in seen["rungs"])


def test_the_page_of_a_package_plays_each_rung_and_shows_what_it_is(
    package: Path, browser: Browser, tmp_path: Path
) -> None:
    if not BUNDLED.is_file():
        pytest.skip("This installation was built without hls.js.")
    seen = browser.play(package, "page", tmp_path / "page.png")
    assert seen.get("failed") is None, seen
    assert seen["reached"] == seen["order"]
    assert seen["errors"] == seen["thrown"] == seen["missing"] == []
    assert seen["cues"] == ["Hello", "World"]
    assert seen["audio"] == ["eng", "deu"]
    assert set(seen["shown"]) == set(seen["rungs"])
    assert all(re.search(r"\d kb/s · VMAF \d\d\.\d\d$", shown) for shown in seen["shown"])
