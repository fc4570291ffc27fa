"""Events as JSON: what a line of `--progress json` holds."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

from vmafx_tune.events import Event, ProbeFinished
from vmafx_tune.formatting import encodable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["event_fields", "event_schemas"]

# What is told of a probe that ended, and not all of it: a film's has thousands of frame scores.
_OF_A_PROBE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "quality": ("float", "Value of the quality knob."),
        "bitrate_kbps": ("float", "Video packets' bits over frames / frame rate."),
        "encode_time_s": ("float", "Wall time of the encode."),
        "score_time_s": ("float", "Wall time of decoding and scoring."),
        "cached": ("bool", "Whether an earlier run had measured it."),
    }
)
_OF_EVERY_LINE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "time": ("str", "When it happened, in UTC: `2030-01-31T23:59:59.123Z`."),
        "eta_s": (
            "float | None",
            "How long the whole run still takes; null where nothing has told how fast it is.",
        ),
    }
)
_JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_ATTRIBUTE = re.compile(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", re.MULTILINE)


def event_fields(event: Event) -> dict[str, Any]:
    """List what a line tells of an event, beside the time and the ETA; `event` is its name."""
    fields: dict[str, Any] = {"event": _name(type(event))}
    fields |= {name: _readable(getattr(event, name)) for name in _types(type(event))}
    if isinstance(event, ProbeFinished):
        fields |= {name: getattr(event.probe, name) for name in _OF_A_PROBE}
    return fields


def event_schemas() -> list[dict[str, Any]]:
    """Describe the lines as JSON Schemas, one for each event."""
    return [_schema(kind) for kind in get_args(Event)]


def _schema(kind: type[Event]) -> dict[str, Any]:
    doc = kind.__doc__ or ""
    told = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(doc)}
    fields = {name: (written, told[name]) for name, written in _types(kind).items()}
    if kind is ProbeFinished:
        fields |= _OF_A_PROBE
    properties = {"event": {"const": _name(kind), "description": "What happened."}} | {
        name: _property(*field) for name, field in (*_OF_EVERY_LINE.items(), *fields.items())
    }
    return {
        "title": _name(kind),
        "description": doc.partition("\n")[0],
        "type": "object",
        "properties": properties,
        "required": [*properties],
    }


def _property(written: str, description: str) -> dict[str, Any]:
    first, _, others = written.partition(" | ")
    kind = _JSON_TYPES[first]
    return {"type": [kind, "null"] if others else kind, "description": description}


def _types(kind: type[Event]) -> dict[str, str]:
    """Find the fields of an event that a line has, and how their types are written."""
    return {
        name: str(field.type)
        for name, field in kind.__dataclass_fields__.items()
        if name != "probe"
    }


def _name(kind: type[Event]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def _readable(value: object) -> object:
    # A message may have a file's name in it, whose bytes need not be text.
    return encodable(value) if isinstance(value, str) else value
