"""What the fields of all documents have in common: numbers, texts, and the probes of a search."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from vmafx_tune.reports.text import encodable

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune import model

__all__ = [
    "Comparison",
    "Damage",
    "Document",
    "Number",
    "Pooled",
    "Quality",
    "Text",
    "comparison_fields",
    "damage_part",
    "milliseconds",
    "path_text",
    "rounded",
]

_DECIMALS = 6


def rounded(value: float) -> float:
    """Round to six decimals, as libvmaf's own logs do; later digits are noise."""
    # Adding zero turns -0.0 into 0.0.
    return round(float(value), _DECIMALS) + 0.0


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else rounded(value)


def _knob_value(value: float) -> int | float:
    value = rounded(value)
    return int(value) if value.is_integer() else value


def _writable(value: Any) -> Any:
    # Pydantic takes no lone surrogates, so this comes first; what is no text is for it to refuse.
    return encodable(value) if isinstance(value, str) else value


Number = Annotated[float | None, AfterValidator(_finite)]
"""A number rounded to six decimals; null where it is not finite or not known."""

Quality = Annotated[int | float, AfterValidator(_knob_value), WithJsonSchema({"type": "number"})]
"""A value of a quality knob: `23`, `23.5`, never `23.0`."""

Text = Annotated[str, BeforeValidator(_writable)]
"""Text that may hold a file name, with undecodable bytes replaced."""


def milliseconds(seconds: float | None) -> float | None:
    """Convert seconds to the milliseconds that the documents are written in."""
    return None if seconds is None else seconds * 1000


def path_text(path: Path) -> str:
    """Write a path as the user named it."""
    return encodable(str(path))


class Document(BaseModel):
    """Base of every JSON document and its parts."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", ser_json_inf_nan="null", protected_namespaces=()
    )


class Comparison(Document):
    """What both clips were brought to before they were compared."""

    pix_fmt: Text = Field(description="ffmpeg's name of the planar pixel format.")
    range: str | None = Field(
        description="`tv` or `pc`; null where neither clip states it, and none was converted."
    )
    matrix: str | None = Field(description="ffmpeg's name of the matrix; null likewise.")
    width: int = Field(description="Width in samples.")
    height: int = Field(description="Height in samples.")


def comparison_fields(comparison: model.Comparison | None) -> Comparison | None:
    """Write a comparison; None where it is not known."""
    return None if comparison is None else Comparison(**dataclasses.asdict(comparison))


class Pooled(Document):
    """Every pooling of a clip's per-frame scores, in VMAF points."""

    mean: Number = Field(description="Arithmetic mean.")
    harmonic_mean: Number = Field(description="n / Σ(1/(s+1)) - 1, as libvmaf pools.")
    min: Number = Field(description="Lowest frame score.")
    max: Number = Field(description="Highest frame score.")
    p1: Number = Field(description="1st percentile.")
    p5: Number = Field(description="5th percentile.")
    p10: Number = Field(description="10th percentile.")


class Damage(Document):
    """Where a clip first does not decode cleanly."""

    frame: int = Field(description="Index in the file, from 0.")
    time_s: Number = Field(description="Its presentation time; null where it is not known.")
    reason: Text = Field(description="What the decoder says, as a clause.")


def damage_part(damage: model.Damage | None) -> Damage | None:
    """Write damage; None where there is none."""
    if damage is None:
        return None
    return Damage(frame=damage.frame, time_s=damage.time_s, reason=damage.reason)
