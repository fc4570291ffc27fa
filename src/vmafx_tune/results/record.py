"""What makes a dataclass a result: its fields are the JSON, their docstrings the schema.

Nothing here imports pydantic. It reads these declarations where schemas are generated and where
JSON is read back; the marks below tell it what annotations alone do not.
"""

from __future__ import annotations

import re
from dataclasses import Field, fields
from enum import StrEnum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from vmafx_tune import shell
from vmafx_tune.errors import UsageError
from vmafx_tune.model import PoolMethod, Resolution
from vmafx_tune.parsing import parse_resolution

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Command",
    "Count",
    "Given",
    "NotNegative",
    "OmittedWhenEmpty",
    "PathText",
    "PoolText",
    "Positive",
    "PythonOnly",
    "Quality",
    "RateText",
    "Record",
    "Result",
    "Share",
    "Side",
    "SizeText",
    "Span",
    "State",
    "TextOf",
    "json_fields",
    "one_of",
]

T = TypeVar("T")

_RATE = re.compile(r"[1-9][0-9]{0,17}(/[1-9][0-9]{0,17})?")
_MAX_SIDE = 65_536


class Record:
    """Base of every result and of its parts, which are frozen dataclasses.

    A docstring below a field describes it in the schema. Numbers that are not finite are null in
    JSON. Those that others are only made of go without the methods of a dataclass, which take
    longer to generate than all else that importing a result does.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "ignore",
        "json_schema_serialization_defaults_required": True,
    }
    leading: ClassVar[str] = ""
    """Names of the fields that come first in JSON, where bases would put others before them."""


class Result(Record):
    """Base of what commands return."""

    command: ClassVar[str]
    """What the formats and the schema of the result go by."""


@cache
def json_fields(record: Any) -> tuple[Field[Any], ...]:
    """List a dataclass's fields that its JSON has, in its order."""
    # Annotations are text, and looking into it costs less than evaluating it.
    written = {each.name: each for each in fields(record) if "PythonOnly" not in str(each.type)}
    leading: list[str] = getattr(record, "leading", "").split()
    return tuple(written[name] for name in dict.fromkeys((*leading, *written)))


class _Read:
    """Mark of a type whose values are checked, or made of text, when JSON is read back."""

    def __init__(
        self, convert: Callable[[Any], Any], wanted: str, schema: dict[str, str] | None = None
    ) -> None:
        self._convert, self._wanted, self._schema = convert, wanted, schema

    def __get_pydantic_core_schema__(self, kind: Any, handler: Callable[[Any], Any]) -> Any:
        function = {"type": "no-info", "function": self._read}
        inner = self._schema or handler(kind)
        return {"type": "function-after", "function": function, "schema": inner}

    def _read(self, value: Any) -> Any:
        try:
            return self._convert(value)
        except (ValueError, UsageError) as error:
            raise ValueError(self._wanted) from error


class TextOf(_Read):
    """Mark of a type that is text in JSON.

    Args:
        parse: Makes a value of the text; raises `ValueError` or `UsageError` where it cannot.
        wanted: What the text should be, with its article.
    """

    def __init__(self, parse: Callable[[str], Any], wanted: str = "a text") -> None:
        super().__init__(parse, wanted, {"type": "str"})


def one_of(kind: type[StrEnum]) -> TextOf:
    """Mark an enumeration as text of which there may be more in later versions."""
    return TextOf(kind, f"one of {', '.join(kind)}")


class _Unread:
    """Mark of a type that pydantic need not look into."""

    def __get_pydantic_core_schema__(self, _: Any, __: Any) -> Any:
        return {"type": "any"}


class _NeverNull:
    """Mark of a number that is always finite."""

    def __get_pydantic_json_schema__(self, _: Any, __: Any) -> dict[str, str]:
        return {"type": "number"}


def _within(test: Callable[[Any], bool], wanted: str) -> _Read:
    def check(value: Any) -> Any:
        if not test(value):
            raise ValueError(wanted)
        return value

    return _Read(check, wanted)


def _rate(text: str) -> Fraction:
    if not _RATE.fullmatch(text):
        raise ValueError(text)
    return Fraction(text)


def _command(text: str) -> str:
    shell.split(text)
    return text


PythonOnly = Annotated[T, _Unread()]
"""What the JSON does not have."""

OmittedWhenEmpty = Annotated[T, "omitted when empty"]
"""What the JSON has only where there is something in it."""

Given = Annotated[float, _NeverNull()]
"""A number that somebody chose."""

Quality = Annotated[float, _NeverNull()]
"""A value of a quality knob; a whole one is written as `23`, not `23.0`."""

Positive = Annotated[float, _within(lambda value: value > 0, "a number above 0")]
Span = Annotated[float, _within(lambda value: value >= 0, "a number of 0 or more")]
Share = Annotated[float, _within(lambda value: 0 < value <= 1, "a number above 0 and at most 1")]
NotNegative = Annotated[int, _within(lambda value: value >= 0, "a number of 0 or more")]
Count = Annotated[int, _within(lambda value: value >= 1, "a whole number from 1")]
Side = Annotated[
    int,
    _within(lambda value: 0 < value <= _MAX_SIDE, f"a whole number from 1 to {_MAX_SIDE}"),
]

State = Literal["done", "missed", "failed"]
"""How a command ends: as it should; with a target that is not reached; or without a result."""

PathText = Annotated[Path, TextOf(Path)]
SizeText = Annotated[Resolution, TextOf(parse_resolution, "a size such as 1280x720")]
RateText = Annotated[Fraction, TextOf(_rate, "a positive number such as 25 or 30000/1001")]
PoolText = Annotated[PoolMethod, one_of(PoolMethod)]
Command = Annotated[str, TextOf(_command, "a command whose quotes are closed")]
"""A shell command, as `shell.join` writes it."""
