"""Recorded runs, for what is shown as left of them: `benchmarks/eta.py` records them."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vmafx_tune import events
from vmafx_tune.eta import Eta
from vmafx_tune.model import Probe, ScoreSet

if TYPE_CHECKING:
    from vmafx_tune.events import Event

__all__ = ["RUNS", "Moment", "at_share", "shown"]

RUNS = Path(__file__).parent / "eta_runs"
"""Folder of the recordings."""

_REFRESH_S = 0.2
_NO_SCORES = ScoreSet((1.0,), {}, n_frames=1, model="", backend="")


class Moment(NamedTuple):
    """What is shown at a time, and what was left then."""

    time_s: float
    shown_s: float | None
    left_s: float


def shown(path: Path) -> list[Moment]:
    """Play a recording as a terminal would see it, five times a second."""
    run = json.loads(path.read_text(encoding="utf-8"))
    waiting = [(told["time_s"], _event(told)) for told in run["events"]]
    took_s, eta = run["took_s"], Eta()
    moments = []
    for tick in range(int(took_s / _REFRESH_S) + 1):
        now_s = tick * _REFRESH_S
        while waiting and waiting[0][0] <= now_s:
            time_s, event = waiting.pop(0)
            eta.see(event, time_s)
        moments.append(Moment(now_s, eta.seconds_left(now_s), took_s - now_s))
    return moments


def at_share(moments: list[Moment], share: float) -> Moment:
    """Find the moment at which a share of the run's time is over."""
    return moments[round(share * (len(moments) - 1))]


def _event(told: dict[str, Any]) -> Event:
    names = "".join(part.title() for part in told["event"].split("_"))
    kind = getattr(events, names)
    if kind is events.ProbeFinished:
        told["probe"] = _probe(told)
    event: Event = kind(
        **{field.name: told[field.name] for field in fields(kind) if field.name in told}
    )
    return event


def _probe(told: dict[str, Any]) -> Probe:
    names = ("quality", "bitrate_kbps", "encode_time_s", "score_time_s", "cached")
    return Probe(size_bytes=1, scores=_NO_SCORES, **{name: told[name] for name in names})
