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
    """Plays packages.

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
        argv = [self._node, "play.mjs", self._program, str(package), player]
        argv += [] if screenshot is None else [str(screenshot)]
        done = subprocess.run(argv, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found
