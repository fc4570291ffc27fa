"""A studio's cluster in small: many sources on workers that sleep in place of encodes, and die.

    python benchmarks/cluster_studio.py [--sources 200] [--workers 32] [--kills 20] [--sleep 2]

The scheduler, its workers (a process each, with one slot and a cache of its own), the messages,
the digests and the searches in chunks are real. A probe reads its source, unless that is one of the
latest of its worker, as an operating system keeps them, and sleeps. Workers are killed at random
and replaced. Exits with 1 where slots were idle for more than a tenth of their time, a source was
read by more workers than its chunks can use at once, or a result is not that of a run without
cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import math
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, OrderedDict, defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.cluster import running_cluster
from tests.support.programs import wait_until
from vmafx_tune.batch.run import batch
from vmafx_tune.cluster.session import cluster_session
from vmafx_tune.events import FileFinished
from vmafx_tune.media import file_facts
from vmafx_tune.model import Probe, ScoreSet
from vmafx_tune.options import BatchOptions, EncodingOptions, ToolOptions
from vmafx_tune.probing.local import LocalProbing
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vmafx_tune.events import Event
    from vmafx_tune.model import ProbeSpec
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.results.batch import BatchResult

# Short enough that nothing is looked at before it is searched.
N_FRAMES, RATE, N_CHUNKS = 96, 24, 3
KEPT_SOURCES = 8
LEAST_BUSY, MOST_READ = 0.9, 1.2
ANSWER = ("name", "state", "best_crf", "bitrate_kbps", "vmaf_score")


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sources", type=int, default=200)
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--sleep", type=float, default=2.0, help="mean seconds of a chunk")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = make_sources(folder / "sources", options.sources)
        os.environ["VMAFX_CACHE_DIR"] = str(folder / "cache")
        farm = Farm(folder, options.sleep, random.Random(options.seed))
        with running_cluster(folder, Session().ffmpeg.path) as cluster, closing(farm):
            farm.address = cluster.address
            for _ in range(options.workers):
                farm.start_worker()
            print(f"{options.workers} workers are up", flush=True)
            every = max(1, options.sources // (options.kills + 1))
            observe = killing(farm, options.kills, every)
            session = cluster_session(cluster.address, timeout_s=60)
            with closing(session):
                found = searched(sources, folder / "found", session, observe)
            usage = Usage(farm.notes(), farm.killed)
        expected = without_cluster(sources, folder / "expected")
        pairs = zip(found.files, expected.files, strict=True)
        differ = sum(answer(one) != answer(other) for one, other in pairs)
        return report(usage, sources, differ)


def make_sources(folder: Path, n_sources: int) -> list[Path]:
    """Write clips that differ in content and size, and are of one picture."""
    folder.mkdir()
    clip = folder.parent / "clip.mp4"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={RATE}", "-frames:v", N_FRAMES)
    encode = ("-c:v", "libx264", "-preset", "ultrafast", "-g", N_FRAMES // N_CHUNKS)
    line = [Session().ffmpeg.path, "-v", "error", *picture, *encode, clip]
    subprocess.run([str(word) for word in line], check=True)
    sources = []
    for number in range(n_sources):
        source = folder / f"source{number:03}.mp4"
        # A box of MP4 that players skip.
        padding = hashlib.shake_256(source.name.encode()).digest((1 + number % 4) << 18)
        box = (len(padding) + 8).to_bytes(4, "big") + b"free" + padding
        source.write_bytes(clip.read_bytes() + box)
        sources.append(source)
    # Files that were just written are not known by their times yet.
    time.sleep(2.5)
    return sources


def searched(
    sources: Iterable[Path],
    output: Path,
    session: Session,
    observe: Callable[[Event], None],
    jobs: int | None = None,
) -> BatchResult:
    """Search each source in chunks."""
    return batch(
        "search",
        [*sources],
        output,
        options={
            "target": 80.0,
            "encoding": EncodingOptions(preset="ultrafast", chunk_s=N_FRAMES / RATE / N_CHUNKS),
        },
        many=BatchOptions(jobs=jobs),
        observe=observe,
        session=session,
    )


def without_cluster(sources: Iterable[Path], output: Path) -> BatchResult:
    """Search them here, with probes that do not sleep."""
    simulate(0.0, lambda _: None)
    with closing(Session(ToolOptions(cache=False))) as session:
        return searched(sources, output, session, lambda _: None, jobs=8)


def answer(file: Any) -> tuple[Any, ...]:
    """What of a result does not depend on time."""
    return tuple(getattr(file, name) for name in ANSWER)


def killing(farm: Farm, n_kills: int, every: int) -> Callable[[Event], None]:
    """Make an observer that kills a worker whenever so many sources are done."""
    left = n_kills

    def observe(event: Event) -> None:
        nonlocal left
        if isinstance(event, FileFinished):
            if event.files_done % every == 0:
                print(f"{event.files_done} sources are done", flush=True)
            if left and event.files_done % every == 0:
                left -= 1
                farm.kill_one()

    return observe


class Farm:
    """The workers: forks of a process that has loaded all that they need."""

    def __init__(self, folder: Path, sleep_s: float, chance: random.Random) -> None:
        self.address = ""
        self.killed: dict[int, float] = {}
        self._folder = folder
        self._sleep_s = sleep_s
        self._chance = chance
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["distributed", "vmafx_tune.cluster.worker"])
        self._workers: list[Any] = []
        self._n_started = 0

    def start_worker(self) -> None:
        """Start one, and wait until it is there."""
        self._n_started += 1
        folder = self._folder / f"worker{self._n_started}"
        folder.mkdir()
        arguments = (self.address, str(folder), self._sleep_s)
        worker = self._context.Process(target=run_worker, args=arguments)
        worker.start()
        wait_until((folder / "notes").exists)
        self._workers.append(worker)

    def kill_one(self) -> None:
        """Kill one, and start another one."""
        worker = self._workers.pop(self._chance.randrange(len(self._workers)))
        worker.kill()
        self.killed[worker.pid] = time.time()
        threading.Thread(target=self.start_worker, daemon=True).start()

    def close(self) -> None:
        """Kill all."""
        for worker in self._workers:
            worker.kill()
            worker.join()

    def notes(self) -> Iterator[Mapping[str, Any]]:
        """Read what workers wrote down."""
        for path in self._folder.glob("worker*/notes"):
            for line in path.read_text(encoding="utf-8").splitlines():
                yield json.loads(line)


def run_worker(address: str, folder: str, sleep_s: float) -> None:
    """Be a worker of Dask's until killed."""
    os.environ |= {"VMAFX_CACHE_DIR": f"{folder}/cache", "TMPDIR": folder}
    asyncio.run(_serve(address, Path(folder), sleep_s))


async def _serve(address: str, folder: Path, sleep_s: float) -> None:
    from distributed import Worker

    logging.getLogger("distributed").setLevel(logging.ERROR)
    options = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "local_directory": folder}
    async with Worker(address, **options) as worker:
        with (folder / "notes").open("a", encoding="utf-8", buffering=1) as file:

            def note(fact: Mapping[str, Any]) -> None:
                line = {**fact, "worker": os.getpid(), "at_s": time.time()}
                file.write(json.dumps(line) + "\n")

            simulate(sleep_s, note)
            note({"what": "up"})
            await worker.finished()


def simulate(sleep_s: float, note: Callable[[Mapping[str, Any]], None]) -> None:
    """Have this process sleep in place of encodes, and note what it reads of which file."""
    kept: OrderedDict[str, None] = OrderedDict()
    real_digest = file_facts.content_digest

    def opened(path: str, size_bytes: int) -> bool:
        is_new = path not in kept
        kept[path] = None
        kept.move_to_end(path)
        if len(kept) > KEPT_SOURCES:
            kept.popitem(last=False)
        if is_new:
            note({"what": "read", "source": path, "bytes": size_bytes})
        return is_new

    def digest(descriptor: int, size_bytes: int) -> str:
        opened(str(Path(f"/proc/self/fd/{descriptor}").readlink()), size_bytes)
        return real_digest(descriptor, size_bytes)

    def read(path: Path) -> None:
        if opened(str(path), path.stat().st_size):
            path.read_bytes()

    file_facts.content_digest = digest  # type: ignore[assignment]
    LocalProbing.prober = lambda _: SleepingProber(sleep_s, read, note)  # type: ignore[assignment, method-assign]


@dataclass
class SleepingProber:
    """Implements `ports.Prober`: it sleeps, and makes scores up from the name of the source."""

    sleep_s: float
    read: Callable[[Path], None]
    note: Callable[[Mapping[str, Any]], None]

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        del on_progress
        source, quality = spec.encode.source, spec.encode.quality
        name = str(source.path)
        self.note({"what": "begin", "source": name})
        self.read(source.path)
        chance = random.Random(f"{source.path.name} {source.excerpt}")
        of_source = random.Random(source.path.name)
        time.sleep(self.sleep_s * of_source.uniform(0.5, 1.5) * chance.uniform(0.8, 1.2))
        vmaf = 110 - quality * of_source.uniform(0.8, 1.6) - chance.uniform(0, 2)
        size_bytes = int(of_source.uniform(1e5, 1e6) * 2 ** (-quality / 6))
        self.note({"what": "end", "source": name})
        return Probe(
            quality=quality,
            bitrate_kbps=size_bytes * 8e-3 * float(source.frame_rate) / source.n_frames,
            size_bytes=size_bytes,
            scores=ScoreSet(
                (max(0.0, min(100.0, vmaf)),) * source.n_frames,
                {},
                n_frames=source.n_frames,
                model=spec.model.name,
                backend="libvmaf",
            ),
            encode_time_s=self.sleep_s,
            score_time_s=0.0,
            command=("ffmpeg", "encode.mp4"),
        )

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        self.read(spec.encode.source.path)
        n_frames = spec.encode.source.n_frames
        return ScoreSet(
            (100.0,) * n_frames, {}, n_frames=n_frames, model=spec.model.name, backend="libvmaf"
        )

    def cancel(self) -> None:
        pass


class Usage:
    """What the workers did, by their notes."""

    def __init__(self, notes: Iterable[Mapping[str, Any]], killed: Mapping[int, float]) -> None:
        self.killed = killed
        self.read_bytes: Counter[str] = Counter()
        self.workers: defaultdict[str, set[int]] = defaultdict(set)
        self.probes: list[tuple[str, float, float]] = []
        self.losses: Counter[str] = Counter()
        by_worker: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for note in notes:
            by_worker[note["worker"]].append(note)
        up: list[tuple[float, float]] = []
        for worker, noted in by_worker.items():
            end_s = killed.get(worker, math.inf)
            begun = None
            for note in sorted(noted, key=lambda one: one["at_s"]):
                match note["what"]:
                    case "up":
                        up.append((note["at_s"], end_s))
                    case "read":
                        self.read_bytes[note["source"]] += note["bytes"]
                    case "begin":
                        self.workers[note["source"]].add(worker)
                        begun = note
                    case "end":
                        assert begun is not None
                        self.probes.append((note["source"], begun["at_s"], note["at_s"]))
                        begun = None
            if begun is not None:
                self.losses[begun["source"]] += 1
                self.probes.append((begun["source"], begun["at_s"], end_s))
        first_s = min(begin for _, begin, _ in self.probes)
        last_s = max(end for _, _, end in self.probes)
        self.length_s = last_s - first_s
        slots_s = sum(max(0.0, min(end, last_s) - max(begin, first_s)) for begin, end in up)
        self.busy = sum(end - begin for _, begin, end in self.probes) / slots_s

    def deaths(self, source: str) -> int:
        """Count the workers that had a source and died while it was not done."""
        last_s = max(begin for name, begin, _ in self.probes if name == source)
        return sum(self.killed.get(worker, math.inf) <= last_s for worker in self.workers[source])


def report(usage: Usage, sources: list[Path], differ: int) -> int:
    """Print the figures; returns 1 where they are not good enough."""
    print(
        f"{usage.length_s:.0f} s, {len(usage.probes)} chunks begun, {usage.losses.total()} lost, "
        f"{len(usage.killed)} workers killed"
    )
    rows = []
    for source in sources:
        name, size = str(source), source.stat().st_size
        # A source whose worker dies has to be read by another one.
        needed = min(N_CHUNKS + usage.deaths(name), len(usage.workers[name]))
        rows.append((usage.read_bytes[name] / size, len(usage.workers[name]), needed))
    read = [times / needed for times, _, needed in rows]
    print(f"slots busy: {usage.busy:.1%} (at least {LEAST_BUSY:.0%})")
    print(
        f"workers that had a source: {mean(workers for _, workers, _ in rows):.2f} on average, "
        f"{max(workers for _, workers, _ in rows)} at most"
    )
    print(
        f"bytes read of a source: {mean(times for times, _, _ in rows):.2f} x its size; over size "
        f"x workers that its chunks need: {mean(read):.2f} on average (at most {MOST_READ}), "
        f"{sum(one > MOST_READ for one in read)} sources above, the worst {max(read):.2f}"
    )
    above = sorted(zip(read, range(len(read)), strict=True), reverse=True)[:12]
    print("the worst:", *(f"{index}: {times:.2f}" for times, index in above if times > MOST_READ))
    print(f"results that differ from those without cluster: {differ} of {len(sources)}")
    return int(usage.busy < LEAST_BUSY or mean(read) > MOST_READ or differ > 0)


if __name__ == "__main__":
    raise SystemExit(main())
