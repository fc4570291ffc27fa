"""Remembers, from one run to the next, which encoders opened, and which arguments they took.

Only what worked is kept. A failure is cheap to repeat, and one that is remembered would outlive the
driver that the user installs because of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.encoders.argv import trial_command
from vmafx_tune.folders import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg

__all__ = ["TrialCache", "hardware_devices", "trial_folder"]

_HARDWARE_MAX_AGE_S = 24 * 3600.0
_MOST_BYTES = 1 << 16
_log = logging.getLogger(__name__)


class TrialCache:
    """One small file for each encoder and ffmpeg that went together.

    Nothing here fails a run: a cache that cannot be read is empty, one that cannot be written stays
    as it is. Files are replaced whole, so that runs at the same time do no harm. Each has a
    checksum of its name and content; a damaged one counts for nothing, and is replaced.

    Args:
        folder: Where to keep the files; None for the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def recall(
        self, row: EncoderRow, ffmpeg: Ffmpeg, command: tuple[str, ...] | None = None
    ) -> str | None:
        """Return the version of an encoder that opened before; None if that is not known.

        A software encoder is remembered for as long as the ffmpeg file is the same. A hardware
        encoder depends on drivers too, so it is for a day at most, and on the same devices.

        Args:
            row: The encoder.
            ffmpeg: The program.
            command: The trial; None for the one of the encoder without further arguments.
        """
        try:
            path = self._path(row, ffmpeg, command)
            age_s = time.time() - path.stat().st_mtime
            if row.kind.is_hardware and age_s > _HARDWARE_MAX_AGE_S:
                return None
            return _version(path)
        except FileNotFoundError:
            return None
        # A RecursionError, from JSON of any depth, is a RuntimeError.
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            _log.debug("The trial of %s is not remembered: %s", row.name, error)
            return None

    def remember(
        self,
        row: EncoderRow,
        ffmpeg: Ffmpeg,
        version: str,
        command: tuple[str, ...] | None = None,
    ) -> None:
        """Keep the version of an encoder that opened in a trial; see `recall`."""
        try:
            path = self._path(row, ffmpeg, command)
            facts = {"encoder": row.name, "version": version, "checksum": _checksum(path, version)}
            _replace(path, json.dumps(facts))
        except (OSError, RuntimeError) as error:
            _log.debug("The trial of %s cannot be remembered: %s", row.name, error)

    def _path(self, row: EncoderRow, ffmpeg: Ffmpeg, command: tuple[str, ...] | None) -> Path:
        fingerprint = _fingerprint(row, ffmpeg, command or trial_command(row, ffmpeg.path))
        return (self._folder or trial_folder()) / f"{row.name}-{fingerprint}.json"


def trial_folder() -> Path:
    """Name the folder where trials are remembered unless told otherwise; it need not exist."""
    return cache_folder() / "encoders"


def _version(path: Path) -> str:
    """Read the version in a file.

    Raises:
        ValueError, KeyError, TypeError, RecursionError, OSError: It is not what was written.
    """
    # Opening a pipe would wait for its other end.
    if not path.is_file():
        raise ValueError(f"'{path}' is not a regular file.")
    with path.open("rb") as file:
        facts = json.loads(file.read(_MOST_BYTES))
    version = facts["version"]
    if facts["checksum"] != _checksum(path, version):
        raise ValueError(f"The checksum of '{path}' does not fit.")
    return str(version)


def _checksum(path: Path, version: str) -> str:
    return hashlib.sha256(json.dumps([path.name, version]).encode()).hexdigest()


def _fingerprint(row: EncoderRow, ffmpeg: Ffmpeg, command: tuple[str, ...]) -> str:
    """Hash all that a trial's outcome depends on and that can be seen without running it."""
    file = ffmpeg.path.stat()
    facts = [command, ffmpeg.version, file.st_size, file.st_mtime_ns]
    devices = hardware_devices() if row.kind.is_hardware else []
    return hashlib.sha256(json.dumps([facts, devices]).encode()).hexdigest()[:32]


def hardware_devices() -> list[str]:
    """Name what hardware encoders run on here: device files, and a driver's version."""
    return sorted(_devices())


def _devices() -> Iterator[str]:
    for pattern in ("dri/*", "nvidia*", "kfd"):
        yield from map(str, Path("/dev").glob(pattern))
    driver = Path("/proc/driver/nvidia/version")
    if driver.exists():
        yield driver.read_text(encoding="utf-8", errors="replace")


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
