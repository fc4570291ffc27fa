"""A process that is killed in the middle of its work leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.programs import children_running, needs_proc, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory


@needs_proc
def test_a_search_that_is_killed_in_mid_encode_leaves_no_ffmpeg_and_no_file(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path
) -> None:
    # Slow enough to be met at work.
    source = clips.moving(n_frames=100)
    command = [
        *(
            sys.executable,
            "-m",
            "vmafx_tune",
            "search",
            "-r",
            str(source),
            "-c",
            "libx265",
            "-t",
            "90",
        ),
        *("--preset", "veryslow", "--threads", "1", "--ffmpeg", str(ffmpeg_exe)),
        *("--work-dir", str(tmp_path)),
    ]
    env = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as killed:
        wait_until(lambda: bool(encoders(tmp_path)) or killed.poll() is not None)
        assert killed.poll() is None
        killed.kill()
    wait_until(lambda: not encoders(tmp_path))
    wait_until(lambda: not list(tmp_path.iterdir()))


def encoders(folder: Path) -> list[int]:
    return children_running(f"file:{folder}")
