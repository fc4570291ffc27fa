"""What a machine and its programs contribute to the outcome of a probe."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any, Protocol

from vmafx_tune.cpus import visible_cpus
from vmafx_tune.encoders.availability import hardware_devices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.file_facts import FileFacts

__all__ = ["LocalSetup", "Setup"]


class Setup(Protocol):
    """The facts of whatever encodes and scores; machines that share them measure the same."""

    def scoring(self) -> Mapping[str, Any]:
        """Tell what decides scores, as plain values: `machine`, `scorer`, `scoring_files`."""
        ...

    def encoding(self, row: EncoderRow) -> Mapping[str, Any]:
        """Tell what decides an encoder's encodes, as plain values.

        They are `ffmpeg`, `encoder_version`, `devices`, and `processors`, which count only where
        the number of threads is left to the encoder.
        """
        ...


class LocalSetup:
    """Implements `Setup` for this machine.

    Args:
        facts: Hashes the files.
        ffmpeg: The program that encodes.
        scorer: Facts about what scores: backend, version.
        scoring_files: Programs and libraries that score.
        encoder_version: Tells an encoder's version.
    """

    def __init__(
        self,
        facts: FileFacts,
        *,
        ffmpeg: Path,
        scorer: Mapping[str, str],
        scoring_files: Iterable[Path],
        encoder_version: Callable[[EncoderRow], str],
    ) -> None:
        self._facts = facts
        self._ffmpeg = ffmpeg
        self._scorer = dict(scorer)
        self._scoring_files = tuple(scoring_files)
        self._encoder_version = encoder_version

    def scoring(self) -> Mapping[str, Any]:
        """Tell what decides scores here; see `Setup`.

        Raises:
            OSError: A program cannot be read.
        """
        return {
            "machine": platform.machine(),
            "scorer": self._scorer,
            "scoring_files": [self._facts.digest(path) for path in self._scoring_files],
        }

    def encoding(self, row: EncoderRow) -> Mapping[str, Any]:
        """Tell what decides an encoder's encodes here; see `Setup`.

        Raises:
            OSError: ffmpeg cannot be read.
            ToolError: The encoder's version cannot be found out.
        """
        return {
            "ffmpeg": self._facts.digest(self._ffmpeg),
            "encoder_version": self._encoder_version(row),
            "processors": f"{visible_cpus()} of {os.cpu_count()} processors",
            "devices": _devices() if row.kind.is_hardware else [],
        }


def _devices() -> list[str]:
    # A driver of the kernel's has no file of its own to look at, but the kernel's version.
    return [*hardware_devices(), platform.platform()]
