"""A prober that measures nothing twice."""

from __future__ import annotations

import dataclasses
import gc
import threading
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.probing.samples import probe, scores
from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.errors import EncodeFailedError, TooLargeError
from vmafx_tune.model import EncodeSpec, Probe, ProbeKey, ProbeSpec, ScoreSet
from vmafx_tune.probing.caching import CachingProber, no_claim
from vmafx_tune.probing.store import SqliteProbeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmafx_tune.ports import ProbeProgress, ProbeStore
    from vmafx_tune.probing.caching import Claim

TEMPLATE = request().template


@dataclass
class MemoryStore:
    """A store in memory."""

    probes: dict[ProbeKey, Probe] = field(default_factory=dict)
    scores: dict[ProbeKey, ScoreSet] = field(default_factory=dict)
    sizes: dict[ProbeKey, float] = field(default_factory=dict)

    def get(self, key: ProbeKey) -> Probe | None:
        return self.probes.get(key)

    def put(self, key: ProbeKey, probe: Probe) -> None:
        self.probes[key] = dataclasses.replace(probe, command=())

    def get_scores(self, key: ProbeKey) -> ScoreSet | None:
        return self.scores.get(key)

    def put_scores(self, key: ProbeKey, scores: ScoreSet) -> None:
        self.scores[key] = scores

    def least_kbps(self, key: ProbeKey) -> float | None:
        return self.sizes.get(key)

    def put_least_kbps(self, key: ProbeKey, bitrate_kbps: float) -> None:
        self.sizes[key] = bitrate_kbps

    def curve(self, key: ProbeKey) -> tuple[Probe, ...]:
        found = [probe for other, probe in self.probes.items() if other.curve == key.curve]
        return tuple(sorted(found, key=lambda probe: probe.quality))


@dataclass
class Keys:
    """Keys by quality; `content` stands for the source's."""

    content: str = "as it was"
    broken: bool = False

    def of(self, spec: ProbeSpec) -> ProbeKey:
        if self.broken:
            raise OSError("gone")
        content = " with ".join((self.content, *spec.metrics))
        digest = f"{content} {spec.encode.quality:g}"
        return ProbeKey(digest, content, str(spec.encode.source.path), "libx264", "320x180")

    def of_itself(self, spec: ProbeSpec) -> ProbeKey:
        return dataclasses.replace(self.of(spec), digest=f"{self.content} itself", encoder=None)


def at(quality: float, *, source: str = "clip.mp4") -> ProbeSpec:
    renamed = dataclasses.replace(TEMPLATE.encode.source, path=Path(source))
    encode = dataclasses.replace(TEMPLATE.encode, quality=quality, source=renamed)
    return dataclasses.replace(TEMPLATE, encode=encode)


def command(spec: EncodeSpec) -> tuple[str, ...]:
    return ("ffmpeg", str(spec.source.path), f"{spec.quality:g}")


@pytest.fixture
def made() -> CurveProber:
    return CurveProber(lambda quality: 100 - quality)


def caching(
    made: CurveProber,
    store: ProbeStore,
    keys: Keys | None = None,
    *,
    refresh: bool = False,
    claim: Claim = no_claim,
) -> CachingProber:
    return CachingProber(made, store, keys or Keys(), command=command, claim=claim, refresh=refresh)


def test_a_probe_with_metrics_serves_whoever_asks_for_none_and_not_the_other_way_round(
    made: CurveProber,
) -> None:
    store = MemoryStore()
    with_metrics = dataclasses.replace(at(23), metrics=("psnr",))
    caching(made, store).probe(at(24))
    caching(made, store).probe(with_metrics)
    caching(made, store).probe(dataclasses.replace(at(24), metrics=("psnr",)))
    assert made.asked == [24, 23, 24]

    caching(made, store).probe(at(23))
    caching(made, store).probe(with_metrics)

    assert made.asked == [24, 23, 24]


def test_a_probe_that_a_run_made_is_recalled_by_the_next(made: CurveProber) -> None:
    store = MemoryStore()
    first = caching(made, store).probe(at(23))
    second = caching(made, store).probe(at(23))
    assert made.asked == [23]
    assert (first.cached, second.cached) == (False, True)
    assert second.scores == first.scores


def test_features_are_left_to_the_store(made: CurveProber) -> None:
    """They are ten times as much as all else of a probe, and no search looks at them."""
    store, full = MemoryStore(), probe(23)
    store.put(Keys().of(at(23)), full)
    prober = caching(made, store)

    (known,) = prober.known(TEMPLATE)
    for found in (known, prober.probe(at(23)), prober.probe(at(23))):
        assert (found.scores.frames, dict(found.scores.features)) == (full.scores.frames, {})
    assert store.get(Keys().of(at(23))) == full
    assert full.scores.features


def test_the_scores_of_frames_are_left_to_the_store(made: CurveProber, tmp_path: Path) -> None:
    store = SqliteProbeStore(tmp_path / "probes.sqlite", limit_bytes=2**30, warn=pytest.fail)
    prober = caching(made, store)
    frames = [weakref.ref(prober.probe(at(quality)).scores.frames) for quality in (20, 21, 20, 21)]
    gc.collect()
    assert made.asked == [20, 21]
    assert [one() for one in frames] == [None] * 4


def test_what_is_known_of_a_curve_is_read_one_probe_after_the_other(
    made: CurveProber, tmp_path: Path
) -> None:
    store = SqliteProbeStore(tmp_path / "probes.sqlite", limit_bytes=2**30, warn=pytest.fail)
    prober = caching(made, store)
    for quality in (20, 21, 22):
        prober.probe(at(quality))
    frames = []
    for known in prober.known(TEMPLATE):
        frames.append(weakref.ref(known.scores.frames))
        gc.collect()
        assert [one() is None for one in frames[:-1]] == [True] * (len(frames) - 1)
    assert len(frames) == 3


def test_a_probe_recalled_has_the_command_for_the_source_as_it_is_called_now(
    made: CurveProber,
) -> None:
    store = MemoryStore()
    caching(made, store).probe(at(23, source="old.mp4"))
    found = caching(made, store).probe(at(23, source="new.mp4"))
    assert found.command == ("ffmpeg", "new.mp4", "23")


def test_another_quality_is_measured(made: CurveProber) -> None:
    prober = caching(made, MemoryStore())
    prober.probe(at(23))
    prober.probe(at(24))
    assert made.asked == [23, 24]


def test_progress_is_told_of_what_is_measured(made: CurveProber) -> None:
    seen: list[str] = []
    prober = caching(made, MemoryStore())
    prober.probe(at(23), on_progress=lambda stage, frames: seen.append(stage))
    assert seen == ["encode"]


def test_refreshing_measures_once_a_run_and_keeps_that(made: CurveProber) -> None:
    store = MemoryStore()
    old = probe(23)
    store.put(Keys().of(at(23)), old)
    prober = caching(made, store, refresh=True)
    fresh = prober.probe(at(23))
    assert prober.probe(at(23)).scores == fresh.scores
    assert made.asked == [23]
    assert store.get(Keys().of(at(23))) != old


def test_a_probe_that_failed_is_not_kept(made: CurveProber) -> None:
    store = MemoryStore()
    made.fail_at[23] = EncodeFailedError("It failed.")
    with pytest.raises(EncodeFailedError):
        caching(made, store).probe(at(23))
    assert store.probes == {}


def test_a_probe_of_a_source_that_was_edited_meanwhile_is_not_kept() -> None:
    store, keys = MemoryStore(), Keys()

    def edit(quality: float) -> float:
        keys.content = "edited"
        return 90.0

    found = caching(CurveProber(edit), store, keys).probe(at(23))
    assert not found.cached
    assert store.probes == {}


def test_a_source_that_cannot_be_hashed_is_left_to_the_probe_to_tell(made: CurveProber) -> None:
    prober = caching(made, MemoryStore(), Keys(broken=True))
    prober.probe(at(23))
    prober.probe(at(23))
    prober.score_itself(at(23))
    assert made.asked == [23, 23]
    assert prober.known(at(23)) == ()


def test_threads_that_ask_for_one_probe_wait_for_the_first() -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(quality: float) -> float:
        started.set()
        go_on.wait()
        return 90.0

    made = CurveProber(slow)
    prober = caching(made, MemoryStore())
    found: list[Probe] = []
    threads = [
        threading.Thread(target=lambda: found.append(prober.probe(at(23)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    started.wait()
    go_on.set()
    for thread in threads:
        thread.join()
    assert made.asked == [23]
    assert sorted(probe.cached for probe in found) == [False, True, True, True]


def test_probes_of_other_qualities_do_not_wait_for_each_other() -> None:
    both = threading.Barrier(2)

    def together(quality: float) -> float:
        both.wait()
        return 90.0

    prober = caching(CurveProber(together), MemoryStore())
    threads = [threading.Thread(target=prober.probe, args=(at(q),)) for q in (23, 24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_source_against_itself_is_scored_once(made: CurveProber) -> None:
    store = MemoryStore()
    first = caching(made, store).score_itself(at(23))
    made.ceiling = 1.0
    assert caching(made, store).score_itself(at(40)) == first
    assert caching(made, store, refresh=True).score_itself(at(23)) != first


def test_what_is_known_of_a_curve_comes_with_its_commands(made: CurveProber) -> None:
    store = MemoryStore()
    for quality in (30, 20):
        caching(made, store).probe(at(quality))
    known = caching(made, store).known(at(23, source="new.mp4"))
    assert [(found.quality, found.command, found.cached) for found in known] == [
        (20, ("ffmpeg", "new.mp4", "20"), True),
        (30, ("ffmpeg", "new.mp4", "30"), True),
    ]
    assert caching(made, store, refresh=True).known(at(23)) == ()


def test_cancelling_stops_what_is_being_measured(made: CurveProber) -> None:
    caching(made, MemoryStore()).cancel()
    assert made.cancelled.is_set()


def test_where_a_probe_came_from_does_not_make_it_another_one() -> None:
    assert dataclasses.replace(probe(), cached=True) == probe()
    assert scores() == scores()


def within(quality: float, max_kbps: float) -> ProbeSpec:
    spec = at(quality)
    return dataclasses.replace(
        spec, encode=dataclasses.replace(spec.encode, max_bitrate_kbps=max_kbps)
    )


def test_an_encode_that_was_too_large_is_not_begun_again_under_a_limit_that_is_as_low() -> None:
    store = MemoryStore()
    stopping = CurveProber(lambda quality: 90, fail_at={23: TooLargeError(400, 512)})
    with pytest.raises(TooLargeError) as first:
        caching(stopping, store).probe(within(23, 400))
    with pytest.raises(TooLargeError) as again:
        caching(stopping, store).probe(within(23, 511))
    assert stopping.asked == [23]
    assert (first.value.recalled, again.value.recalled) == (False, True)
    assert (again.value.limit_kbps, again.value.at_least_kbps) == (511, 512)


def test_an_encode_that_was_too_large_is_made_under_a_higher_limit_or_none() -> None:
    store = MemoryStore()
    store.put_least_kbps(Keys().of(at(23)), 512)
    made = CurveProber(lambda quality: 90)
    caching(made, store).probe(within(23, 512))
    assert made.asked == [23]
    other = CurveProber(lambda quality: 90)
    caching(other, MemoryStore(sizes=store.sizes)).probe(at(23))
    assert other.asked == [23]


def test_a_stopped_encode_is_no_probe(made: CurveProber) -> None:
    store = MemoryStore()
    stopping = CurveProber(lambda quality: 90, fail_at={23: TooLargeError(400, 512)})
    with pytest.raises(TooLargeError):
        caching(stopping, store).probe(within(23, 400))
    assert store.probes == {}
    assert [*caching(made, store).known(at(23))] == []


def test_refreshing_encodes_what_was_too_large_once_more() -> None:
    store = MemoryStore(sizes={Keys().of(at(23)): 512})
    made = CurveProber(lambda quality: 90)
    caching(made, store, refresh=True).probe(within(23, 400))
    assert made.asked == [23]


def test_of_a_source_that_changed_meanwhile_nothing_is_kept_of_a_stopped_encode() -> None:
    store, keys = MemoryStore(), Keys()

    class Changing(CurveProber):
        def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
            keys.content = "something else"
            raise TooLargeError(400, 512)

    with pytest.raises(TooLargeError):
        caching(Changing(lambda quality: 90), store, keys).probe(within(23, 400))
    assert store.sizes == {}


class Meanwhile:
    """A claim that another process has first, which does something while it has it."""

    def __init__(self, store: MemoryStore, does: Callable[[MemoryStore], None]) -> None:
        self._store = store
        self._does = does
        self.held: list[str] = []
        self.waited: list[bool] = []

    @contextmanager
    def __call__(
        self, digest: str, /, *, wait: bool, on_wait: Callable[[], None]
    ) -> Iterator[None]:
        self.waited.append(wait)
        if wait:
            on_wait()
        self._does(self._store)
        self.held.append(digest)
        yield
        self.held.remove(digest)


def test_what_another_process_measured_while_it_was_waited_for_is_recalled(
    made: CurveProber,
) -> None:
    other = CurveProber(lambda quality: 90.0)
    store = MemoryStore()

    def measure(store: MemoryStore) -> None:
        caching(other, store).probe(at(23))
        caching(other, store).score_itself(at(23))

    claim = Meanwhile(store, measure)
    stages: list[str] = []
    prober = caching(made, store, claim=claim)
    found = prober.probe(at(23), on_progress=lambda stage, frames: stages.append(stage))
    assert found.cached
    assert prober.score_itself(at(24)) == other.score_itself(at(24))
    assert (made.asked, other.asked, stages) == ([], [23], ["wait"])


def test_an_encode_that_another_process_found_too_large_is_not_begun(made: CurveProber) -> None:
    store = MemoryStore()
    claim = Meanwhile(store, lambda store: store.put_least_kbps(Keys().of(at(23)), 512))
    with pytest.raises(TooLargeError):
        caching(made, store, claim=claim).probe(within(23, 400))
    assert made.asked == []


def test_a_probe_is_kept_before_the_claim_ends(made: CurveProber) -> None:
    store = MemoryStore()
    claim = Meanwhile(store, lambda store: None)

    class Watching(MemoryStore):
        def put(self, key: ProbeKey, probe: Probe) -> None:
            assert claim.held == [key.digest]
            super().put(key, probe)

    watching = Watching()
    caching(made, watching, claim=claim).probe(at(23))
    assert len(watching.probes) == 1
    assert claim.held == []


def test_refreshing_waits_for_nobody(made: CurveProber) -> None:
    store = MemoryStore()
    claim = Meanwhile(store, lambda store: None)
    caching(made, store, claim=claim, refresh=True).probe(at(23))
    assert claim.waited == [False]


def test_what_is_known_is_not_claimed(made: CurveProber) -> None:
    store = MemoryStore()
    caching(made, store).probe(at(23))
    claim = Meanwhile(store, lambda store: None)
    caching(made, store, claim=claim).probe(at(23))
    assert claim.waited == []
