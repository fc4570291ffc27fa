"""Frozen classes do what the dataclasses of the standard library do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from vmafx_tune.frozen import frozen


@frozen
class Point:
    x: int
    y: float = 0.5
    tags: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    note: str = field(default="", compare=False)

    @property
    def total(self) -> float:
        return self.x + self.y


@dataclass(frozen=True, slots=True)
class Standard:
    x: int
    y: float = 0.5
    tags: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    note: str = field(default="", compare=False)


VALUES: list[dict[str, Any]] = [
    {"x": 1},
    {"x": 1, "y": 0.25},
    {"x": 1, "tags": ("a", "b")},
    {"x": 1, "secret": "s"},
    {"x": 1, "note": "n"},
    {"x": 1, "y": float("nan")},
]


@pytest.mark.parametrize("left", VALUES)
@pytest.mark.parametrize("right", VALUES)
def test_they_compare_as_dataclasses_do(left: dict[str, Any], right: dict[str, Any]) -> None:
    ours, theirs = (Point(**left), Point(**right)), (Standard(**left), Standard(**right))
    assert (ours[0] == ours[1]) == (theirs[0] == theirs[1])
    assert (hash(ours[0]) == hash(ours[1])) == (hash(theirs[0]) == hash(theirs[1]))


def test_another_class_is_never_equal() -> None:
    other: object = Standard(1)
    assert Point(1) != other


@pytest.mark.parametrize("values", VALUES)
def test_they_are_shown_as_dataclasses_are(values: dict[str, Any]) -> None:
    assert repr(Point(**values)).removeprefix("Point") == repr(Standard(**values)).removeprefix(
        "Standard"
    )


@pytest.mark.parametrize("name", ["x", "total", "none"])
def test_nothing_of_them_changes(name: str) -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        setattr(point, name, 2)
    with pytest.raises(FrozenInstanceError):
        delattr(point, name)
    assert point == Point(1)


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, replace, lambda point: pickle.loads(pickle.dumps(point))],
    ids=["copy", "deepcopy", "replace", "pickle"],
)
def test_copies_are_equal(again: Any) -> None:
    point = Point(1, tags=("a",), note="n")
    assert again(point) == point
    assert again(point).note == "n"


def test_they_are_dataclasses_with_slots() -> None:
    point = Point(1)
    assert asdict(point) == asdict(Standard(1))
    assert not hasattr(point, "__dict__")
    assert [each.name for each in fields(Point)] == [each.name for each in fields(Standard)]
