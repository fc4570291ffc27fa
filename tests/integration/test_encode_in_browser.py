"""Delivered files in a browser's own video element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Browser
from tests.support.cli import run_cli
from tests.support.full_sources import FullSources

if TYPE_CHECKING:
    from pathlib import Path

FRAME_S = 1 / 25


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser.installed()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path) -> FullSources:
    return FullSources(tmp_path_factory.mktemp("full"), ffmpeg_exe)


@pytest.mark.parametrize(
    ("encoder", "name"), [("libx264", "output.mp4"), ("libsvtav1", "output.webm")]
)
def test_a_delivered_file_plays_with_its_sound_in_step(
    sources: FullSources, browser: Browser, encoder: str, name: str, tmp_path: Path
) -> None:
    output = tmp_path / name
    audio = ("--audio", "opus:96") if output.suffix == ".webm" else ()
    asked = ("-r", sources["flash.mkv"], "-o", output, "-c", encoder, "-t", "80", *audio)
    assert run_cli("encode", *asked, "--encoder-args", "-pix_fmt yuv420p").exit_code == 0

    seen = browser.watch(output, FRAME_S, tmp_path / "end.png")

    assert seen.get("failed") is None, seen
    assert seen["thrown"] == []
    assert (seen["size"], seen["frames"]) == ("160x90", 50)
    assert seen["duration"] == pytest.approx(2, abs=FRAME_S)
    assert seen["audioBytes"] > 0
    assert seen["flash_s"] == pytest.approx(1, abs=0.001)
    assert abs(seen["beep_s"] - seen["flash_s"]) <= FRAME_S
