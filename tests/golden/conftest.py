from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import LibvmafNotFoundError
from vmafx_tune.media.ffmpeg import find_ffmpeg
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer
from vmafx_tune.scoring.libvmaf.session import LibvmafFileScorer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def ffmpeg_scorer(ffmpeg_exe: Path) -> FfmpegScorer:
    runner = ProcessRunner()
    return FfmpegScorer(find_ffmpeg(ffmpeg_exe, runner), runner)


@pytest.fixture(scope="session")
def libvmaf_scorer() -> LibvmafFileScorer:
    try:
        return LibvmafFileScorer(CancelToken())
    except LibvmafNotFoundError as error:
        pytest.skip(str(error))
