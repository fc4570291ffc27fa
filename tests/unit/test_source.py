"""What is said of a source and its scoring before work starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import SOURCE
from vmafx_tune.events import Event, Warned
from vmafx_tune.options import ScoringOptions
from vmafx_tune.session import Session
from vmafx_tune.source import open_source

if TYPE_CHECKING:
    from vmafx_tune.model import Source


class OneSource(Session):
    """Every file is the same clip."""

    def source(self, path: Path) -> Source:
        del path
        return SOURCE


def warnings_with(subsample: int) -> list[str]:
    told: list[Event] = []
    session = OneSource(observe=told.append)
    open_source(Path("a.mp4"), ScoringOptions(subsample=subsample), session)
    return [event.message for event in told if isinstance(event, Warned)]


@pytest.mark.parametrize("subsample", [2, 4, 30])
def test_an_even_subsample_is_warned_of_with_an_odd_one(subsample: int) -> None:
    (warning,) = warnings_with(subsample)

    assert f"--subsample {subsample} is even" in warning
    assert f"such as {subsample + 1}." in warning


@pytest.mark.parametrize("subsample", [1, 3, 5])
def test_an_odd_subsample_is_no_trouble(subsample: int) -> None:
    assert warnings_with(subsample) == []
