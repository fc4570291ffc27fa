"""Running the command line as a user does: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.preloaded import run_preloaded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

__all__ = ["TIMES", "Outcome", "command", "run_cli", "without"]

TIMES = frozenset({"wall_time_ms", "encode_time_ms", "score_time_ms", "side_by_side"})
"""Fields of JSON that differ between two runs that measure the same."""

# Variables that Python itself obeys when it starts.
_OF_THE_START = ("PYTHON", "LC_", "LANG")


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


def without(document: Any, names: Collection[str] = TIMES) -> Any:
    """Leave out fields of JSON, however deep they are."""
    if isinstance(document, dict):
        return {name: without(v, names) for name, v in document.items() if name not in names}
    return [without(item, names) for item in document] if isinstance(document, list) else document


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
    environ = {**os.environ, **(env or {})}
    if any(name.startswith(_OF_THE_START) for name in env or {}):
        done = subprocess.run(
            command(*arguments),
            cwd=cwd,
            env=environ,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    else:
        done = run_preloaded([*map(str, arguments)], cwd=cwd, environ=environ)
    stdout, stderr = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in stderr, stderr
    return Outcome(done.returncode, stdout, stderr)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
