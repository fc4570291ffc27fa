"""Running the command line as a user does: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Outcome", "command", "run_cli"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """Its output, read as strict JSON."""
        return json.loads(self.stdout, parse_constant=_refuse)


def command(*arguments: str | Path) -> list[str]:
    """Build the command that runs this interpreter's vmafx-tune."""
    return [sys.executable, "-m", "vmafx_tune", *map(str, arguments)]


def run_cli(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Outcome:
    """Run vmafx-tune to its end; a traceback fails the test.

    Args:
        arguments: The command line, without the program.
        cwd: Working directory.
        env: Variables to set beside those of this process.
    """
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
