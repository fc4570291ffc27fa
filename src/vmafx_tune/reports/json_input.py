"""Reads JSON that anyone may have written: strictly, with one plain clause on what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from vmafx_tune.reports.text import encodable, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmafx_tune.results.record import Record

__all__ = ["UnreadableError", "parse_object", "refuse_value", "validated"]

RecordT = TypeVar("RecordT", bound="Record")

# Up to here every whole number is a float too, so that all programs read the same one.
_MAX_NUMBER = 2**53
_MAX_SHOWN = 40
_WANTED: Mapping[str, str] = {
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "path_type": "a text",
    "tuple_type": "a list",
    "dataclass_type": "an object",
}


class UnreadableError(ValueError):
    """A text does not hold what it should; the message is a clause that "it" stands before."""


def parse_object(text: str) -> dict[str, Any]:
    """Parse strict JSON (RFC 8259) that holds an object.

    Raises:
        UnreadableError: It is empty, not JSON, nested too deeply, no object, or holds a number that
            no measurement gives.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if not text.strip():
        raise UnreadableError("is empty")
    parsed = _parsed(text)
    if not isinstance(parsed, dict):
        raise UnreadableError(f"holds {_shown(parsed)}, where an object belongs")
    return parsed


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text, parse_int=_whole_number, parse_float=_number, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"is not JSON from line {error.lineno}, column {error.colno} on"
        ) from error
    except RecursionError as error:
        raise UnreadableError("is nested too deeply") from error


def validated(record: type[RecordT], data: Mapping[str, Any]) -> RecordT:
    """Read parsed JSON as a record, without turning one type of JSON into another.

    Raises:
        UnreadableError: A field is missing, of the wrong type, or out of its range.
    """
    try:
        text = encodable(json.dumps(data, ensure_ascii=False))
        return TypeAdapter(record).validate_json(text, strict=True)
    except RecursionError as error:
        raise UnreadableError("is nested too deeply") from error
    except ValidationError as error:
        # Of a place that takes several types, the last fault names the widest of them.
        faults = {_where(fault["loc"], data): fault for fault in error.errors(include_url=False)}
        where, fault = next(iter(faults.items()))
        if fault["type"] == "json_invalid":
            raise UnreadableError("is nested too deeply") from error
        if fault["type"] == "missing":
            raise UnreadableError(f"has no {where}") from error
        context = fault.get("ctx", {})
        told = context.get("error") or context.get("expected", "something else")
        refuse_value(fault["input"], where, _WANTED.get(fault["type"], str(told)), cause=error)


def refuse_value(
    value: object, where: str, wanted: str, *, cause: Exception | None = None
) -> NoReturn:
    """Say that a value does not belong where it is.

    Args:
        value: What is there.
        where: Its place, such as `cloud[3].vmaf`.
        wanted: What belongs there, with its article.
        cause: What was raised when the value was looked at.

    Raises:
        UnreadableError: Always.
    """
    raise UnreadableError(f"has {_shown(value)} as {where}, where {wanted} belongs") from cause


def _where(location: Sequence[int | str], data: Any) -> str:
    """Write a place as `cloud[3].vmaf`, without pydantic's names for the members of a union."""
    where = ""
    for step in location:
        if isinstance(data, list) and isinstance(step, int):
            where, data = f"{where}[{step}]", data[step]
        elif isinstance(data, dict):
            where, data = f"{where}.{step}", data.get(str(step))
    return where.removeprefix(".")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _clipped(json.dumps(value, ensure_ascii=False))


def _clipped(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _whole_number(text: str) -> int:
    _number(text)  # first, as Python refuses to make an int of some thousand digits
    return int(text)


def _number(text: str) -> int | float:
    number = float(text)
    if abs(number) > _MAX_NUMBER:
        raise UnreadableError(f"holds the number {_clipped(text)}, which is absurd")
    # JSON has one type of number: for some writers 1280 is 1280.0.
    return int(number) if number.is_integer() else number


def _refuse_constant(text: str) -> NoReturn:
    raise UnreadableError(f"holds {text}, which is not JSON")
