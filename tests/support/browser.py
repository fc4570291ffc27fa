"""Players from npm in headless Chromium, where both are present: how they play a package."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.support.node_readers import give_up, installed_node_files

__all__ = ["PLAYERS", "Browser"]

PLAYERS = ("hls.js", "dash.js", "shaka-hls", "shaka-dash")
_FILES = Path(__file__).with_name("players")
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


class Browser:
    """Plays packages, and opens pages.

    Args:
        folder: Where the players are installed.
        node: The program that drives the browser.
        program: The browser.
    """

    def __init__(self, folder: Path, node: str, program: str) -> None:
        self._folder = folder
        self._node = node
        self._program = program

    @classmethod
    def installed(cls) -> Browser:
        """Find the browser, and find or install the players; skips the test where it cannot.

        `VMAFX_REQUIRE_NODE=1` makes it fail instead.
        """
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            give_up("There is no Chromium here.")
        return cls(*installed_node_files(_FILES), program)

    def play(self, package: Path, player: str, screenshot: Path | None = None) -> dict[str, Any]:
        """Step up and down through every rung of a package, seek, and play to its end.

        Args:
            package: The folder.
            player: One of `PLAYERS`.
            screenshot: Where to put a picture of the page at the end.
        """
        return self._run("play.mjs", package, player, screenshot)

    def watch(self, file: Path, frame_s: float, screenshot: Path | None = None) -> dict[str, Any]:
        """Play a file to its end in a bare video element, and seek to its first white picture.

        Args:
            file: MP4 or WebM.
            frame_s: How long each of its pictures is shown.
            screenshot: Where to put a picture of the page at the end.

        Returns:
            What was seen and heard; `flash_s` is when the first white picture is shown, and
            `beep_s` when there was first a sound.
        """
        return self._run("watch.mjs", file, frame_s, screenshot)

    def look(self, page: Path, *, width: int, scheme: str) -> dict[str, Any]:
        """Open a report, point at its chart, click there, flip through a still, and print it.

        Args:
            page: The file.
            width: Of the window, in pixels.
            scheme: `light` or `dark`.
        """
        return self._run("look.mjs", page, width, scheme)

    def _run(self, script: str, *words: object) -> dict[str, Any]:
        argv = [self._node, script, self._program, *(str(word) for word in words if word)]
        done = subprocess.run(argv, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found
