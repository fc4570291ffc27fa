"""Looks at parts of a clip, with real encoders: they save probes and change no answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import Outcome, run_cli, without
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

LONG = 300
PASSING = {"wall_time_ms", "new_probes", "strategy"}


@pytest.fixture
def long_clip(clips: ClipFactory) -> Path:
    """Long enough for looks, and still small."""
    return clips.moving(n_frames=LONG)


def run(name: str, clip: Path, *more: str) -> Outcome:
    outcome = run_cli(name, "-r", clip, "--preset", "ultrafast", "-v", "--progress", "json", *more)
    assert outcome.exit_code in {0, 3}, outcome.stderr
    return outcome


def events(outcome: Outcome, name: str) -> list[dict[str, Any]]:
    lines = [line for line in outcome.stderr.splitlines() if line.startswith("{")]
    return [event for event in map(json.loads, lines) if event["event"] == name]


def looks(outcome: Outcome) -> list[dict[str, Any]]:
    return [event for event in events(outcome, "probe_finished") if event["look"]]


def encodes(outcome: Outcome) -> int:
    commands = [line for line in outcome.stderr.splitlines() if line.startswith("vmafx-tune: $")]
    return sum(" -y " in line and "-c:v" in line for line in commands)


def answer(outcome: Outcome) -> dict[str, Any]:
    document = outcome.document
    names = ("ok", "proven", "best_crf", "bitrate_kbps", "vmaf_score")
    return {name: document[name] for name in names} | {"next": document["next_worse"]["crf"]}


def test_a_search_with_looks_gives_the_proven_answer_of_bisection(long_clip: Path) -> None:
    looking = run("search", long_clip, "-t", "80")
    bisecting = run("search", long_clip, "-t", "80", "--strategy", "bisect", "--no-cache")

    assert 1 <= len(looks(looking)) <= 3
    assert looks(bisecting) == []
    assert answer(looking) == answer(bisecting)
    assert looking.document["proven"]
    probes = [e for e in events(looking, "probe_finished") if not e["look"]]
    assert len(probes) == len(looking.document["bisect_samples"])


def test_a_second_run_recalls_looks_as_well_and_ends_with_the_same_document(
    long_clip: Path,
) -> None:
    first, second = (run("search", long_clip, "-t", "80") for _ in range(2))

    assert encodes(first) > 0
    assert encodes(second) == 0
    assert [look["vmaf"] for look in looks(second)] == [look["vmaf"] for look in looks(first)]
    assert all(look["cached"] for look in looks(second))
    assert without(second.document, PASSING) == without(first.document, PASSING)


def test_another_target_starts_from_what_is_stored(long_clip: Path) -> None:
    run("search", long_clip, "-t", "80")
    warm = run("search", long_clip, "-t", "83")
    cold = run("search", long_clip, "-t", "83", "--no-cache")

    assert looks(warm) == []
    assert answer(warm) == answer(cold)
    assert warm.document["new_probes"] <= 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "-c", "libx264,libx265", "-t", "70,80"),
        ("ladder", "--resolutions", "160x90,128x72", "-t", "60,70"),
    ],
    ids=["compare", "ladder"],
)
def test_looks_are_taken_for_each_encoder_or_size_and_change_no_answer(
    long_clip: Path, arguments: tuple[str, ...]
) -> None:
    name, *options = arguments
    looking = run(name, long_clip, *options)
    bisecting = run(name, long_clip, *options, "--strategy", "bisect", "--no-cache")

    assert len({look["job"] for look in looks(looking)}) == 2
    assert answers(looking.document) == answers(bisecting.document)
    again = run(name, long_clip, *options)
    assert encodes(again) == 0
    assert without(again.document, PASSING) == without(looking.document, PASSING)


def test_a_clip_too_short_for_looks_is_searched_without(clips: ClipFactory) -> None:
    assert looks(run("search", clips.moving(), "-t", "60")) == []


def test_a_clip_of_varying_frame_rate_is_searched_without(clips: ClipFactory) -> None:
    outcome = run("search", clips.variable_rate(), "-t", "60")

    assert looks(outcome) == []


def answers(document: dict[str, Any]) -> list[list[Any]]:
    if "rows" in document:
        return _facts(document["rows"], "codec", "target_vmaf", "best_crf", "vmaf_score")
    return _facts(document["cloud"], "width", "height", "target_vmaf", "crf", "vmaf", "ok")


def _facts(rows: list[dict[str, Any]], *names: str) -> list[list[Any]]:
    return [[row.get(name) for name in names] for row in rows]


def test_a_slow_preset_is_looked_at_with_a_fast_one_and_has_the_answer_of_bisection(
    clips: ClipFactory,
) -> None:
    clip = clips.moving(n_frames=60, size=Resolution(320, 180))
    slow = ("-t", "80", "--preset", "veryslow", "--crf-lo", "20", "--crf-hi", "44")
    looking = run("search", clip, *slow)
    bisecting = run("search", clip, *slow, "--strategy", "bisect", "--no-cache")

    assert answer(looking) == answer(bisecting)
    assert looking.document["proven"]
    assert 1 <= len(looks(looking)) == encodes_with(looking, "medium") <= 3
    assert encodes_with(looking, "veryslow") == looking.document["new_probes"]
    assert " -preset veryslow " in looking.document["encode_command"]
    assert encodes_with(bisecting, "medium") == 0


def encodes_with(outcome: Outcome, preset: str) -> int:
    commands = [line for line in outcome.stderr.splitlines() if line.startswith("vmafx-tune: $")]
    return sum(f" -preset {preset} " in line for line in commands)
