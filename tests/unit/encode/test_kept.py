"""Which encodes are kept while a search goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.unit.reports import factories
from vmafx_tune.encode.kept import KeptEncodes
from vmafx_tune.events import ProbeFinished
from vmafx_tune.knob import Knob
from vmafx_tune.model import EncodeSpec, ScoreSet

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.model import Probe

TARGET = 90.0


class _Surroundings:
    """As much of a prepared source and a request as keeping needs."""

    chunks = ()
    conditions = ()

    def __init__(self) -> None:
        self.knob = Knob("crf", 1, 51, default=23)
        self.template = self
        self.encode = EncodeSpec(factories.source(), "libx264", 23)


@pytest.fixture
def kept(tmp_path: Path) -> KeptEncodes:
    surroundings: Any = _Surroundings()
    folder = tmp_path / "kept"
    folder.mkdir()
    return KeptEncodes(surroundings, cast("Any", None), surroundings, folder)


def measure(
    kept: KeptEncodes, quality: float, vmaf: float, *, file: bool = True, look: bool = False
) -> Probe:
    probe = factories.probe("x", quality)
    if file:
        made = kept.files(probe)[0].parent.parent / "made.mp4"
        made.write_text(f"{quality:g}")
        kept.keep(EncodeSpec(factories.source(), "libx264", quality), made)
    kept.see(ProbeFinished("x", 1, probe, vmaf, TARGET, 0, look=look))
    return probe


def on_disk(kept: KeptEncodes) -> list[str]:
    folder = kept.files(factories.probe("x", 1))[0].parent
    return sorted(path.read_text() for path in folder.iterdir())


def test_the_worst_setting_that_reaches_the_target_is_kept(kept: KeptEncodes) -> None:
    for quality, vmaf in ((20, 95), (30, 85), (25, 91), (26, 90), (27, 89)):
        measure(kept, quality, vmaf)

    assert on_disk(kept) == ["26"]


def test_the_best_is_kept_where_none_reaches_the_target(kept: KeptEncodes) -> None:
    for quality, vmaf in ((40, 60), (20, 80), (30, 70)):
        measure(kept, quality, vmaf)

    assert on_disk(kept) == ["20"]


def test_one_file_is_there_after_each_probe(kept: KeptEncodes) -> None:
    for quality in range(10, 40):
        measure(kept, quality, 100 - quality)
        assert len(on_disk(kept)) == 1


def test_a_cached_probe_has_no_file_and_takes_the_place_of_others(kept: KeptEncodes) -> None:
    measure(kept, 20, 95)
    measure(kept, 25, 91, file=False)

    assert on_disk(kept) == []


def test_an_answer_that_comes_again_keeps_its_file(kept: KeptEncodes) -> None:
    probe = measure(kept, 20, 95)
    measure(kept, 20, 95, file=False)

    assert kept.has(probe)


def test_looks_count_for_nothing(kept: KeptEncodes) -> None:
    measure(kept, 20, 95)
    measure(kept, 25, 91, file=False, look=True)

    assert on_disk(kept) == ["20"]


def test_looks_at_the_whole_clip_with_another_preset_replace_no_file(
    kept: KeptEncodes, tmp_path: Path
) -> None:
    measure(kept, 20, 95)
    made = tmp_path / "look.mp4"
    made.write_text("look")
    kept.keep(EncodeSpec(factories.source(), "libx264", 20, preset="superfast"), made)

    assert on_disk(kept) == ["20"]


def test_excerpts_of_a_sample_are_not_kept(kept: KeptEncodes, tmp_path: Path) -> None:
    part = replace(factories.source(), excerpt=cast("Any", _Part()))
    made = tmp_path / "part.mp4"
    made.touch()
    kept.keep(EncodeSpec(part, "libx264", 20), made)

    assert made.exists()


class _Part:
    first_frame, n_frames = 10, 20


def test_the_worst_second_is_that_of_the_answer(kept: KeptEncodes) -> None:
    frames = [90.0] * 50 + [50.0] * 25 + [95.0] * 25
    scores = ScoreSet(frames, {}, len(frames), "model", "ffmpeg")
    probe = replace(factories.probe("x", 20), scores=scores)
    kept.see(ProbeFinished("x", 1, probe, 80, TARGET, 0))

    worst = kept.worst_second(probe)
    assert worst is not None
    rate = float(factories.source().frame_rate)
    assert worst.start_s == pytest.approx(50 / rate, abs=1)
    assert worst.vmaf_score <= 90
