from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vmafx_tune import cpus
from vmafx_tune.cpus import bytes_needed, default_threads
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 3),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
        ("nonsense", 8),
        ("100000 0", 8),
    ],
)
def test_a_containers_quota_counts_as_well_as_the_processors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, count: int
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    monkeypatch.setattr(cpus, "_QUOTA", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert cpus.available_cpus() == count


def test_without_control_groups_the_processors_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cpus, "_QUOTA", tmp_path / "none")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert cpus.available_cpus() == 4


def _sysconf(name: str) -> int:
    return {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 20}[name]


@pytest.mark.parametrize(
    ("quota", "size"), [("max", 1 << 32), ("1073741824", 1 << 30), ("99999999999", 1 << 32)]
)
def test_a_containers_memory_counts_as_well_as_the_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, size: int
) -> None:
    file = tmp_path / "memory.max"
    file.write_text(quota)
    monkeypatch.setattr(cpus, "_MEMORY_QUOTA", file)
    monkeypatch.setattr(os, "sysconf", _sysconf, raising=False)
    assert cpus.available_memory_bytes() == size


def test_memory_that_cannot_be_measured_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cpus, "_MEMORY_QUOTA", tmp_path / "none")
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert cpus.available_memory_bytes() is None


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
