"""How many jobs go side by side on machines of all sizes."""

from __future__ import annotations

import pytest

from vmafx_tune import cpus as cpus_module
from vmafx_tune.cpus import LocalCores
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.model import Resolution

UHD, FHD, SD = Resolution(3840, 2160), Resolution(1920, 1080), Resolution(640, 360)
X264 = encoder_row("libx264")


class Machine:
    """Sets the size of the machine that is seen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def has(self, cpus: int, memory_gib: float | None = None) -> None:
        memory = None if memory_gib is None else int(memory_gib * (1 << 30))
        self._monkeypatch.setattr(cpus_module, "available_cpus", lambda: cpus)
        self._monkeypatch.setattr(cpus_module, "available_memory_bytes", lambda: memory)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.mark.parametrize(
    ("cpus", "sizes", "expected"),
    [
        (1, [(1920, 1080), (640, 360)], 2),
        (2, [(1920, 1080), (640, 360), (320, 180)], 2),
        (8, [(1920, 1080), (640, 360), (320, 180)], 2),
        (64, [(1920, 1080), (960, 540), (640, 360), (320, 180)], 4),
        (64, [(1920, 1080)], 1),
        (16, [(320, 180)] * 9, 5),
    ],
)
def test_small_pictures_and_many_processors_take_more_workers(
    machine: Machine, cpus: int, sizes: list[tuple[int, int]], expected: int
) -> None:
    machine.has(cpus)
    jobs = [(X264, Resolution(*size)) for size in sizes]
    assert LocalCores(FHD).workers(jobs) == expected


def test_encodes_held_to_one_thread_take_a_worker_for_each_processor_and_one_more(
    machine: Machine,
) -> None:
    machine.has(4)
    assert LocalCores(FHD, threads=1).workers([(X264, FHD)] * 8) == 5


def test_scores_that_memory_keeps_narrow_take_more_workers(machine: Machine) -> None:
    machine.has(8)
    assert LocalCores(FHD).workers([(X264, UHD)] * 9) == 2
    assert LocalCores(UHD).workers([(X264, UHD)] * 9) == 5
    assert LocalCores(UHD, bit_depth=10).workers([(X264, UHD)] * 20) == 9


def test_memory_limits_workers(machine: Machine) -> None:
    machine.has(64, memory_gib=8)
    assert LocalCores(UHD).workers([(X264, UHD)] * 9) == 3


def test_a_machine_without_memory_to_spare_still_has_a_worker(machine: Machine) -> None:
    machine.has(64, memory_gib=1)
    assert LocalCores(UHD).workers([(X264, UHD)] * 9) == 1


def test_parts_of_a_clip_are_probed_at_once_where_one_does_not_fill_the_processors(
    machine: Machine,
) -> None:
    machine.has(2)
    assert LocalCores(FHD).part_workers(X264, FHD, 6) == 2
    machine.has(32)
    assert LocalCores(SD).part_workers(X264, SD, 6) == 4
    assert LocalCores(SD).part_workers(X264, SD, 6, beside=4) == 2
    assert LocalCores(SD).part_workers(X264, SD, 1) == 1
