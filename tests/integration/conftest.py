"""Fixtures of the tests with real programs."""

from __future__ import annotations

import pytest

from tests.support.node_readers import NodeReaders


@pytest.fixture(scope="session")
def node() -> NodeReaders:
    """Parsers from npm; skips where there is no node."""
    return NodeReaders.installed()
