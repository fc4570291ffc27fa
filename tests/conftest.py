"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.clips import ClipFactory
from vmafx_tune.files import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

# A loaded machine is slow, not wrong, so nothing is held to the clock.
settings.register_profile(
    "vmafx-tune", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("vmafx-tune")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests away from the user's cache; programs that they start inherit this one."""
    folder = tmp_path_factory.mktemp("session-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="session")
def ffmpeg_exe() -> Path:
    """The ffmpeg that comes with the project's own dependency."""
    import imageio_ffmpeg

    return Path(imageio_ffmpeg.get_ffmpeg_exe())


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path) -> ClipFactory:
    """Synthetic clips, made when first asked for."""
    return ClipFactory(tmp_path_factory.mktemp("clips"), ffmpeg_exe)


@pytest.fixture(scope="session")
def media_dir() -> Path:
    """Folder of real clips beside the checkout; skips where there is none."""
    return _shared("media")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Folder of raw pairs with the scores of Netflix's own tool; skips where there is none."""
    return _shared("golden")


def _shared(name: str) -> Path:
    folder = _SHARED / name
    if folder.is_dir():
        return folder
    if os.environ.get("VMAFX_REQUIRE_GOLDEN") == "1" and _SHARED.is_dir():
        pytest.fail(f"'{folder}' is missing although '{_SHARED}' is there.")
    pytest.skip(f"There is no '{name}' folder beside the checkout.")
