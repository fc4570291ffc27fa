"""What the shell completes after Tab, asked for as bash asks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from vmafx_tune.cli.app import app
from vmafx_tune.scoring.models import BUILT_IN_MODELS


def complete(line: str) -> list[str]:
    """Complete a command line at its end."""
    words = line.split(" ")
    outcome = CliRunner().invoke(
        app,
        prog_name="vmafx-tune",
        env={
            "_VMAFX_TUNE_COMPLETE": "complete_bash",
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
        },
    )
    assert outcome.exit_code == 0
    return outcome.stdout.split()


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("vmafx-tune sea", ["search"]),
        ("vmafx-tune search -c libx", ["libx264", "libx265"]),
        ("vmafx-tune search -c svt", ["svt-av1", "svtav1"]),
        ("vmafx-tune compare -c libx264,libx", ["libx264,libx265"]),
        ("vmafx-tune compare --anchor libvv", ["libvvenc"]),
        ("vmafx-tune search --preset very", ["veryfast", "veryslow"]),
        ("vmafx-tune search -c libsvtav1 --preset 1", ["10", "11", "12", "13", "1"]),
        (
            "vmafx-tune compare -c x264,h264_nvenc --preset p",
            ["placebo", *["p1", "p2", "p3", "p4", "p5", "p6", "p7"]],
        ),
        (
            "vmafx-tune score --model vmaf_4k",
            [name for name in BUILT_IN_MODELS if "_4k" in name[:8]],
        ),
        ("vmafx-tune score --pool p", ["p1", "p5", "p10"]),
        ("vmafx-tune score --backend l", ["libvmaf"]),
        ("vmafx-tune search --depth ", ["8", "10"]),
        ("vmafx-tune ladder --format h", ["hls", "html"]),
        ("vmafx-tune score --format h", ["html"]),
        ("vmafx-tune ladder -o out/x.m", ["out/x.md", "out/x.m3u8", "out/x.mpd"]),
        ("vmafx-tune ladder -o ../x", []),
        ("vmafx-tune schema remote", ["remote_score"]),
        ("vmafx-tune serve --log-level w", ["warning"]),
        ("vmafx-tune cache pr", ["prune"]),
    ],
)
def test_known_values_are_completed(line: str, values: list[str]) -> None:
    assert sorted(complete(line)) == sorted(values)


def test_a_completion_loads_nothing_heavy() -> None:
    """Somebody waits for it with a finger on a key."""
    program = (
        "import sys\n"
        "from vmafx_tune.cli.app import app\n"
        "try:\n"
        "    app(prog_name='vmafx-tune')\n"
        "finally:\n"
        "    heavy = {'numpy', 'av', 'rich', 'grpc', 'vmafx_tune.session'}\n"
        "    print(*heavy & {*sys.modules}, file=sys.stderr)\n"
    )
    for words in ("search -c x26", "search --preset f", "score --model vmaf", "ladder --format h"):
        line = ("vmafx-tune", *words.split())
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={
                **os.environ,
                "_VMAFX_TUNE_COMPLETE": "complete_bash",
                "COMP_WORDS": "\n".join(line),
                "COMP_CWORD": str(len(line) - 1),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout
        assert done.stderr.strip() == ""
