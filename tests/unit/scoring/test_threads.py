from __future__ import annotations

import os

import pytest

from vmafx_tune.model import Resolution
from vmafx_tune.scoring.threads import bytes_needed, default_threads


@pytest.fixture
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)


def test_each_processor_gets_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)

    assert default_threads(Resolution(1280, 720)) == 3


def test_without_affinity_the_processors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)

    assert default_threads(Resolution(1280, 720)) == 1


@pytest.mark.usefixtures("many_cpus")
@pytest.mark.parametrize(
    ("size", "bit_depth", "threads"),
    [
        (Resolution(640, 360), 8, 64),
        (Resolution(1920, 1080), 8, 15),
        (Resolution(3840, 2160), 8, 2),
        (Resolution(3840, 2160), 10, 1),
        (Resolution(15360, 8640), 8, 1),
    ],
)
def test_large_pictures_get_as_many_threads_as_memory_allows(
    size: Resolution, bit_depth: int, threads: int
) -> None:
    assert default_threads(size, bit_depth) == threads


@pytest.mark.usefixtures("many_cpus")
def test_a_share_of_the_processors_is_not_exceeded() -> None:
    assert default_threads(Resolution(640, 360), cpus=3) == 3
    assert default_threads(Resolution(3840, 2160), cpus=3) == 2


def test_what_scoring_takes_with_the_threads_chosen_is_within_a_gigabyte_and_a_half() -> None:
    size = Resolution(3840, 2160)
    threads = default_threads(size, cpus=64)

    assert bytes_needed(size, threads=threads) <= 1_500_000_000
    assert bytes_needed(size, threads=threads + 1) > 1_500_000_000
