"""Lines of `--progress json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from jsonschema import Draft202012Validator

from tests.unit.reports import factories
from vmafx_tune.events import (
    BatchStarted,
    CellFinished,
    CompareStarted,
    Event,
    FileFinished,
    FileStarted,
    FramesDone,
    JobFinished,
    JobPlanned,
    JobStarted,
    LadderStarted,
    ProbeFailed,
    ProbeFinished,
    ProbeStarted,
    ProbeStopped,
    Warned,
)
from vmafx_tune.reports import schemas
from vmafx_tune.reports.progress_json import event_fields, event_schemas

if TYPE_CHECKING:
    from typing import Any

PAGE = Path(__file__).parents[3] / "docs/reference/json.md"
EVENTS: tuple[Event, ...] = (
    Warned("a\udcff.mp4 is odd."),
    LadderStarted(3, 9, 2),
    CompareStarted(3, 2),
    BatchStarted(9, 3, 2, 1.5),
    FileStarted("a\udcff", 1.0),
    FileFinished("a\udcff", "failed", "Why.", 4, 1, 1),
    JobPlanned("x264", 100.0, 2.5, 1.0),
    JobStarted("x264", 100),
    ProbeStarted("x264", 1, 23.0, 90.0),
    FramesDone("x264", "encode", 5),
    ProbeFinished("x264", 1, factories.probe("libx264", 23), 93.0, 90.0, 3),
    ProbeStopped("x264", 1, 23.0, 90.0, 900.0, recalled=False, probes_left=3),
    ProbeFailed("x264", 1, 23.0, "It failed."),
    CellFinished("640x360", 90.0, None, None, None, 1, 9, "It failed."),
    JobFinished("x264", ok=True, summary="crf 23"),
)


def line(event: Event) -> dict[str, Any]:
    return {"time": "2030-01-31T23:59:59.123Z", "eta_s": None, **event_fields(event)}


def test_every_event_is_tried_here() -> None:
    assert {type(event) for event in EVENTS} == {*get_args(Event)}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_line_follows_the_schema_and_has_nothing_else(event: Event) -> None:
    Draft202012Validator(schemas.schema("progress")).validate(line(event))
    one = next(s for s in event_schemas() if s["title"] == line(event)["event"])
    assert {*line(event)} == {*one["properties"]}


@pytest.mark.parametrize("schema", event_schemas(), ids=lambda schema: str(schema["title"]))
def test_the_page_names_every_field_of_an_event(schema: dict[str, Any]) -> None:
    (row,) = [
        text
        for text in PAGE.read_text("utf-8").splitlines()
        if text.startswith(f"| `{schema['title']}` |")
    ]
    missing = {name for name in schema["properties"] if f"`{name}`" not in row}
    assert missing == {"event", "time", "eta_s"}
