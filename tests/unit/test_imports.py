from __future__ import annotations

import subprocess
import sys

import pytest

from vmafx_tune.cli.app import COMMANDS


def _loaded(statements: str, *argv: str) -> set[str]:
    """Names of the modules that a new Python has loaded after the statements, and not before."""
    program = (
        "import sys; before = {*sys.modules}\n"
        f"try:\n    {statements}\n"
        "finally:\n    print(*{*sys.modules} - before, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *argv]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {*done.stderr.split()}


def test_searching_pooling_and_choosing_rungs_load_no_heavy_package() -> None:
    loaded = _loaded(
        "import vmafx_tune.knob, vmafx_tune.scoring.pooling, vmafx_tune.search.strategy;"
        "import vmafx_tune.ladder.selection, vmafx_tune.search.probe_set;"
        "import vmafx_tune.ladder.throughput"
    )

    assert not loaded & {"av", "numpy", "pydantic", "rich", "typer"}


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_load_no_command(argument: str) -> None:
    loaded = _loaded("from vmafx_tune.__main__ import main; main()", argument)

    assert not loaded & {f"vmafx_tune.cli.{command}" for command in COMMANDS}
    assert argument == "--help" or not loaded & {"typing", "typer"}
