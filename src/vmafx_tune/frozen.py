"""Frozen dataclasses with slots that take little time to define.

`dataclass(frozen=True, slots=True)` compiles up to six methods for each class, which was a sixth of
a search that is answered from the cache. Here it compiles `__init__` alone. All classes share the
others, which do the same and look the fields up when they are called.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, dataclass_transform

__all__ = ["frozen"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T], *, kw_only: bool = False) -> type[T]:
    """Make a frozen dataclass with slots; see `dataclasses.dataclass`."""
    for name, method in _METHODS.items():
        setattr(cls, name, method)
    return dataclass(slots=True, kw_only=kw_only, repr=False, eq=False)(cls)


def _set(self: Any, name: str, value: object) -> None:
    # A slot is empty until `__init__` fills it.
    if hasattr(self, name):
        raise FrozenInstanceError(f"cannot assign to field '{name}'")
    object.__setattr__(self, name, value)


def _delete(_: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field '{name}'")


def _equals(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _shown(self: Any) -> str:
    values = (f"{name}={getattr(self, name)!r}" for name in _names(self.__class__, "repr"))
    return f"{type(self).__qualname__}({', '.join(values)})"


_METHODS = {
    "__setattr__": _set,
    "__delattr__": _delete,
    "__eq__": _equals,
    "__hash__": _hash,
    "__repr__": _shown,
}


def _compared(value: Any) -> tuple[Any, ...]:
    return tuple([getattr(value, name) for name in _names(value.__class__, "compare")])


@cache
def _names(cls: Any, use: str) -> tuple[str, ...]:
    return tuple(each.name for each in fields(cls) if getattr(each, use))
