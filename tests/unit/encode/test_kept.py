"""Which encodes are kept while a search goes on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.unit.reports import factories
from tests.unit.search.fakes import SOURCE, request, scores_of
from vmafx_tune.encode.kept import KeptEncodes
from vmafx_tune.events import ProbeFinished, ProbeStopped
from vmafx_tune.model import EncodeSpec, Excerpt, ScoreSet
from vmafx_tune.sampling.parts import Segment

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.model import Probe

TARGET, FALLBACK = 90.0, 85.0


class _Prepared:
    """As much of a prepared source as keeping needs."""

    def __init__(self, *chunks: Segment) -> None:
        self.chunks = chunks


def keeping(folder: Path, *chunks: Segment) -> KeptEncodes:
    folder.mkdir(exist_ok=True)
    requests = [request(target=target) for target in (TARGET, FALLBACK)]
    return KeptEncodes(cast("Any", _Prepared(*chunks)), cast("Any", None), requests, folder)


@pytest.fixture
def kept(tmp_path: Path) -> KeptEncodes:
    return keeping(tmp_path / "kept")


def measure(
    kept: KeptEncodes, quality: float, vmaf: float, *, file: bool = True, look: bool = False
) -> Probe:
    probe = replace(factories.probe("x", quality), scores=scores_of(vmaf))
    if file:
        made = kept.files(probe)[0].parent.parent / "made.mp4"
        made.write_text(f"{quality:g}")
        kept.keep(EncodeSpec(SOURCE, "libx264", quality), made)
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


def test_what_reaches_only_a_fallback_is_kept_until_the_target_is_reached(
    kept: KeptEncodes,
) -> None:
    for quality, vmaf in ((10, 89.5), (14, 89), (1, 89.9), (28, 84.9)):
        measure(kept, quality, vmaf)
    assert on_disk(kept) == ["14"]

    measure(kept, 5, 90)
    assert on_disk(kept) == ["5"]


def test_one_file_is_there_after_each_probe(kept: KeptEncodes) -> None:
    for quality in range(10, 40):
        measure(kept, quality, 100 - quality)
        assert len(on_disk(kept)) == 1


def test_the_chunks_of_an_encode_that_is_too_large_are_removed(tmp_path: Path) -> None:
    chunks = Segment(0, 20), Segment(20, 20), Segment(40, 10)
    kept = keeping(tmp_path / "kept", *chunks)
    for chunk in chunks[:2]:
        made = tmp_path / "made.mp4"
        made.touch()
        excerpt = Excerpt(chunk.first_frame, chunk.n_frames, Fraction(0))
        kept.keep(EncodeSpec(replace(SOURCE, excerpt=excerpt), "libx264", 12), made)
    assert len(on_disk(kept)) == 2
    kept.see(ProbeStopped("x", 1, 12, TARGET, 1000, recalled=False, probes_left=1))

    assert on_disk(kept) == []


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
    kept.keep(EncodeSpec(SOURCE, "libx264", 20, preset="superfast"), made)

    assert on_disk(kept) == ["20"]


def test_excerpts_of_a_sample_are_not_kept(kept: KeptEncodes, tmp_path: Path) -> None:
    part = replace(SOURCE, excerpt=cast("Any", _Part()))
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
    rate = float(SOURCE.frame_rate)
    assert worst.start_s == pytest.approx(50 / rate, abs=1)
    assert worst.vmaf_score <= 90
