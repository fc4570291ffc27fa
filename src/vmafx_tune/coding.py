"""Frozen dataclasses as bytes and back, by their annotations: for the probe store and the cluster.

It is compressed JSON, which holds every float exactly, and libvmaf's six decimals in less room than
binary does. What is read is checked against the annotations.
"""

from __future__ import annotations

import json
import types
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

__all__ = ["build", "pack", "plain", "unpack"]

# Names that the annotated modules import for type checkers only.
_NAMES = {"Fraction": Fraction, "Mapping": Mapping, "Path": Path, "Sequence": Sequence}
_ACCEPTED: dict[Any, set[type]] = {bool: {bool}, int: {int}, float: {float, int}, str: {str}}


def pack(body: object) -> bytes:
    """Write plain values, and dataclasses, fractions, paths, enums, mappings and arrays of them."""
    return zlib.compress(json.dumps(body, separators=(",", ":"), default=_plain).encode())


def plain(body: object) -> Any:
    """Return the plain values of a body, as `pack` and `unpack` give them."""
    return json.loads(json.dumps(body, default=_plain))


def unpack(data: bytes) -> Any:
    """Read the plain values of what `pack` wrote, for `build`."""
    return json.loads(zlib.decompress(data))


def build(kind: type[T], value: Any) -> T:
    """Make a value of a type from plain values.

    Args:
        kind: A dataclass, or what the fields of one may be.
        value: What `unpack` returned.

    Raises:
        TypeError, ValueError, LookupError, AttributeError, ArithmeticError: It is not of that type.
    """
    built: T = _built(kind, value)
    return built


def _plain(value: Any) -> Any:
    """Take one step towards plain values, so that of many arrays one at a time is a list."""
    match value:
        case Enum():
            return value.value
        case Fraction() | Path():
            return str(value)
        case Mapping():
            return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return list(value)


def _built(kind: Any, value: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _built(_only(inner), value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[1:] == (Ellipsis,) else inner
        return tuple(_built(each, item) for each, item in zip(kinds, value, strict=True))
    if origin is Mapping:
        return {name: _built(inner[1], item) for name, item in value.items()}
    if origin is Sequence:
        # As it is: there may be many thousands.
        return _checked(value, set(map(type, value)) <= _ACCEPTED[inner[0]])
    if kind in _ACCEPTED:
        return _checked(value, type(value) in _ACCEPTED[kind])
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        # Earlier versions wrote a pixel format as a list of its values.
        items = zip(hints, value, strict=False) if isinstance(value, list) else value.items()
        return kind(**{name: _built(hints[name], item) for name, item in items})
    return value if kind is Any else kind(value)


def _checked(value: T, holds: object) -> T:
    if not holds:
        raise TypeError("It has a value of another type.")
    return value


def _only(kinds: tuple[Any, ...]) -> Any:
    (kind,) = (kind for kind in kinds if kind is not types.NoneType)
    return kind


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, localns=_NAMES)
