"""Fixtures of the tests with real programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.caches import new_cache
from tests.support.node_readers import NodeReaders
from vmafx_tune.folders import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def node() -> NodeReaders:
    """Parsers from npm; skips where there is no node."""
    return NodeReaders.installed()


@pytest.fixture(autouse=True)
def own_cache(
    tmp_path_factory: pytest.TempPathFactory,
    session_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A cache without probes for each test, so that none finds what another one measured."""
    folder = new_cache(tmp_path_factory.mktemp("cache"), session_cache / "encoders")
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def work_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for work files, which must be empty in the end."""
    folder = tmp_path / "work"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []
