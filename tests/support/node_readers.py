"""Parsers from npm, where node is present: what they make of our manifests and MP4 files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pytest

__all__ = ["NodeReaders", "give_up", "installed_node_files"]

_FILES = Path(__file__).with_name("node")
# Without a network npm would try again for minutes.
_NPM_CI = ("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0")


class NodeReaders:
    """Runs the parsers; installs them when first used, into a folder that later runs find again.

    Args:
        folder: Where they are installed.
        node: The program.
    """

    def __init__(self, folder: Path, node: str) -> None:
        self._folder = folder
        self._node = node

    @classmethod
    def installed(cls) -> NodeReaders:
        """Find or install them; skips the test where that cannot be done.

        `VMAFX_REQUIRE_NODE=1` makes it fail instead.
        """
        return cls(*installed_node_files(_FILES))

    def read(self, kind: str, path: Path) -> dict[str, Any]:
        """Read a file of kind `hls`, `dash` or `mp4`; a parser's complaint fails the test."""
        argv = [self._node, "read.mjs", kind, str(path)]
        done = subprocess.run(argv, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def installed_node_files(files: Path) -> tuple[Path, str]:
    """Find or install programs from npm; skips the test where that cannot be done.

    Args:
        files: A folder with their `package.json`, its lock file, and what uses them.

    Returns:
        A copy of the folder with what was installed, and node.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        give_up("There is no node with npm here.")
    folder = _cache_folder(files)
    if not folder.exists():
        _install(npm, files, folder)
    return folder, node


def _cache_folder(files: Path) -> Path:
    """Name a folder for these very files and this very user."""
    texts = b"".join(path.read_bytes() for path in sorted(files.iterdir()) if path.is_file())
    user = os.getuid() if hasattr(os, "getuid") else ""
    digest = hashlib.sha256(texts).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"vmafx-tune-tests-node-{user}-{digest}"


def _install(npm: str, files: Path, folder: Path) -> None:
    # Under another name until it is complete: tests may run side by side.
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as scratch:
        partial = Path(scratch) / "readers"
        shutil.copytree(files, partial, ignore=shutil.ignore_patterns("node_modules"))
        done = subprocess.run(
            [npm, *_NPM_CI], cwd=partial, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            give_up(f"npm cannot install the parsers: {done.stderr.strip()[-300:]}")
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def give_up(reason: str) -> NoReturn:
    """Skip the test, or fail it where `VMAFX_REQUIRE_NODE` is 1."""
    if os.environ.get("VMAFX_REQUIRE_NODE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
