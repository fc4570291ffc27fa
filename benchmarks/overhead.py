"""What a search spends on anything but encodes and scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from _rows import Row

import vmafx_tune
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from vmafx_tune.events import Event

__all__ = ["MEASURES", "overhead"]


def overhead(_: Path, __: int) -> list[Row]:
    """The part of a search that is neither an encode nor scoring."""
    clip = next(Path(__file__).parent.parent.glob("examples/*.mp4"))
    probes: list[float] = []

    def observe(event: Event) -> None:
        probe = getattr(event, "probe", None)
        if probe is not None:
            probes.append(probe.encode_time_s + probe.score_time_s)

    # What an earlier benchmark measured would only be recalled.
    session = Session(ToolOptions(refresh=True))
    session.probing.availability(encoder_row("libx264"))
    result = vmafx_tune.search(
        clip,
        "libx264",
        90,
        encoding=EncodingOptions(preset="fast"),
        observe=observe,
        session=session,
    )
    share = 100 * (1 - 1000 * sum(probes) / result.wall_time_ms)
    return [Row("`search`: time outside of encodes and scoring", share, 5, unit=" %")]


MEASURES = (overhead,)
