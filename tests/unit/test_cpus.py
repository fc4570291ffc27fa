from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vmafx_tune import cpus

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
