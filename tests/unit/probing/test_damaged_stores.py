"""Sixty damaged stores: no run ends, none waits, and nothing false is believed."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.support.damaged_stores import DAMAGE
from tests.unit.probing.samples import open_store, probe
from tests.unit.search.fakes import request
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.model import Probe, ProbeKey, ProbeSpec, ScoreSet
from vmafx_tune.probing.caching import CachingProber

if TYPE_CHECKING:
    from vmafx_tune.ports import ProbeProgress

N_STORES = 60
QUALITIES = tuple(float(quality) for quality in range(20, 30))
TEMPLATE = request().template


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Keys:
    """Keys by quality."""

    def of(self, spec: ProbeSpec) -> ProbeKey:
        quality = spec.encode.quality
        digest = digest_of(f"quality {quality:g}")
        return ProbeKey(digest, digest_of("curve"), "clip.mp4", "libx264", "320x180", quality)

    def of_itself(self, spec: ProbeSpec) -> ProbeKey:
        digest = digest_of("itself")
        return ProbeKey(digest, digest, "clip.mp4", None, "320x180")


def held(quality: float) -> Probe:
    """What is measured, without the features, which are left to the store."""
    probe = measured(quality)
    return replace(probe, scores=replace(probe.scores, features={}))


def measured(quality: float) -> Probe:
    """What a measurement always gives at a quality."""
    seen = Random(quality)
    frames = tuple(seen.uniform(60, 100) for _ in range(50))
    scores = ScoreSet(frames, {"integer_vif": frames}, len(frames), "vmaf_v0.6.1", "ffmpeg")
    return replace(probe(quality), bitrate_kbps=seen.uniform(100, 9000), scores=scores)


class CountingProber:
    """Measures, and counts it."""

    def __init__(self) -> None:
        self.count = 0

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        self.count += 1
        return measured(spec.encode.quality)

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        self.count += 1
        return measured(0).scores

    def cancel(self) -> None:
        """There is nothing to cancel."""


class Run:
    """A run of the program: what it measured, and what it warned of."""

    def __init__(self, path: Path) -> None:
        self.warned: list[str] = []
        self.made = CountingProber()
        self._store = open_store(path, warned=self.warned)
        self._prober = CachingProber(self.made, self._store, Keys(), command=lambda spec: ())

    def check(self) -> None:
        """Ask for everything; each answer must be what a measurement gives."""
        known = self._prober.known(TEMPLATE)
        assert [found for found in known if found != held(found.quality)] == []
        for quality in QUALITIES:
            spec = replace(TEMPLATE, encode=replace(TEMPLATE.encode, quality=quality))
            assert self._prober.probe(spec) == held(quality)
        assert self._prober.score_itself(TEMPLATE) == measured(0).scores

    def digest(self, file: Path) -> str:
        return FileFacts(self._store).digest(file)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has not changed for long."""
    file = tmp_path_factory.mktemp("clip") / "clip.mp4"
    file.write_bytes(b"a clip")
    return file


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """A store with all that a run keeps."""
    path = tmp_path_factory.mktemp("sound") / "probes.sqlite"
    run = Run(path)
    run.check()
    store = open_store(path)
    store.put_least_kbps(Keys().of(TEMPLATE), 512.0)
    for number in range(20):
        store.keep(f"signature {number}", digest_of(str(number)))
    assert run.made.count == len(QUALITIES) + 1
    return path


@pytest.mark.parametrize("seed", range(N_STORES))
def test_a_damaged_store_ends_no_run_and_gives_nothing_false(
    sound: Path, clip: Path, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / sound.name
    shutil.copy(sound, path)
    DAMAGE[seed % len(DAMAGE)](path, Random(seed))
    first = Run(path)
    first.check()
    assert first.digest(clip) == digest_of("a clip")
    assert len(first.warned) <= 2
    second = Run(path)
    second.check()
    assert second.digest(clip) == digest_of("a clip")
    # Either everything is kept by now, or the store says that it cannot be used.
    assert second.made.count == 0 or "cannot be used" in "".join(first.warned) or second.warned


def test_a_sound_store_measures_nothing(sound: Path, tmp_path: Path) -> None:
    run = Run(Path(shutil.copy(sound, tmp_path)))
    run.check()
    assert (run.made.count, run.warned) == (0, [])
