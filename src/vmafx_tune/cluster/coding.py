"""Frozen dataclasses as bytes and back, by their annotations.

Messages are read by whatever version of vmafx-tune a worker has, so that they are plain JSON with
the version outside: a pickle of another version would fail before anyone could say why.
"""

from __future__ import annotations

import json
import types
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import (
    Any,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from vmafx_tune._version import __version__

T = TypeVar("T")

__all__ = ["ForeignVersionError", "message", "pack", "unpack"]

# Names that the annotated modules import for type checkers only.
_NAMES = {"Fraction": Fraction, "Mapping": Mapping, "Path": Path, "Sequence": Sequence}


class ForeignVersionError(Exception):
    """A message was written by another version.

    Attributes:
        version: Which one.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(f"The message is of vmafx-tune {version}, and this is {__version__}.")


@dataclass_transform(frozen_default=True)
def message(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose annotations are read at run time by `unpack`."""
    return dataclass(frozen=True, slots=True)(cls)


def pack(body: object) -> bytes:
    """Write a dataclass of plain values, other such dataclasses, fractions, paths and enums."""
    text = json.dumps({"version": __version__, "body": _plain(body)}, separators=(",", ":"))
    return zlib.compress(text.encode())


def unpack(kind: type[T], data: bytes) -> T:
    """Read what `pack` wrote.

    Args:
        kind: The dataclass that was written.
        data: The bytes.

    Raises:
        ForeignVersionError: Another version wrote it.
    """
    parcel = json.loads(zlib.decompress(data))
    if parcel["version"] != __version__:
        raise ForeignVersionError(parcel["version"])
    built: T = _built(kind, parcel["body"])
    return built


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case Fraction() | Path():
            return str(value)
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case array():
            return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _built(kind: Any, value: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _built(_only(inner), value)
    if origin is tuple:
        return _built_tuple(inner, value)
    if origin is Mapping:
        return {name: _built(inner[1], item) for name, item in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _built(hints[name], item) for name, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, Fraction | Path | Enum):
        return kind(value)
    return value


def _built_tuple(kinds: tuple[Any, ...], value: list[Any]) -> tuple[Any, ...]:
    if kinds[1:] == (Ellipsis,):
        return tuple(_built(kinds[0], item) for item in value)
    return tuple(_built(kind, item) for kind, item in zip(kinds, value, strict=True))


def _only(kinds: tuple[Any, ...]) -> Any:
    (kind,) = (kind for kind in kinds if kind is not types.NoneType)
    return kind


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns=_NAMES)
