"""Reads JSON that anyone may have written: strictly, with one plain clause on what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import ValidationError

from vmafx_tune.reports.documents.fields import Document
from vmafx_tune.reports.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["UnreadableError", "parse_object", "refuse_value", "validated"]

DocumentT = TypeVar("DocumentT", bound=Document)

# Up to here every whole number is a float too, so that all programs read the same one.
_MAX_NUMBER = 2**53
_MAX_SHOWN = 40
_WANTED: Mapping[str, str] = {
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "model_type": "an object",
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


def validated(model: type[DocumentT], data: Mapping[str, Any]) -> DocumentT:
    """Read parsed JSON as a document, without turning one type into another.

    Raises:
        UnreadableError: A field is missing or of the wrong type.
    """
    try:
        return model.model_validate(data, strict=True)
    except ValidationError as error:
        # Of a place that takes several types, the last fault names the widest of them.
        faults = {_where(fault["loc"], data): fault for fault in error.errors(include_url=False)}
        where, fault = next(iter(faults.items()))
        if fault["type"] == "missing":
            raise UnreadableError(f"has no {where}") from error
        expected = fault.get("ctx", {}).get("expected", "something else")
        wanted = _WANTED.get(fault["type"], expected)
        refuse_value(fault["input"], where, wanted, cause=error)


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
