"""Fixtures of the tests with real programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.caches import new_cache
from tests.support.node_readers import NodeReaders
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.files import CACHE_VARIABLE
from vmafx_tune.reports.charts import drawing
from vmafx_tune.scoring.models import BUILT_IN_MODELS, DEFAULT_MODEL
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def node() -> NodeReaders:
    """Parsers from npm; skips where there is no node."""
    return NodeReaders.installed()


@pytest.fixture(scope="session")
def known_programs(session_cache: Path) -> Path:
    """A cache that knows what a run asks of ffmpeg before it begins, and the script of charts."""
    session = Session()
    for name in ("libx264", "libx265", "libsvtav1"):
        session.probing.availability(encoder_row(name))
    session.scorer("auto", BUILT_IN_MODELS[DEFAULT_MODEL])
    if drawing.can_draw():
        drawing.runtime()
    return session_cache


@pytest.fixture(scope="module", autouse=True)
def cache_of_module(
    tmp_path_factory: pytest.TempPathFactory, known_programs: Path
) -> Iterator[None]:
    """A cache without probes for the fixtures of each module, which may be made more than once.

    A worker that takes over tests of another one can come back to a module.
    """
    folder = new_cache(tmp_path_factory.mktemp("module-cache"), known_programs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield


@pytest.fixture(autouse=True)
def own_cache(
    tmp_path_factory: pytest.TempPathFactory,
    known_programs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A cache without probes for each test, so that none finds what another one measured."""
    folder = new_cache(tmp_path_factory.mktemp("cache"), known_programs)
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def work_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for work files, which must be empty in the end."""
    folder = tmp_path / "work"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []
