"""Workers of a cluster read those bytes of an object that their chunks of it take."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import TIMES, Outcome, run_cli, without
from tests.support.cluster import Cluster, make_ffmpeg, needs_dask, running_cluster
from tests.support.counting import Counted, counting
from tests.support.object_stores import STORES, ObjectStore, running
from tests.support.programs import needs_proc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory

pytestmark = [needs_dask, needs_proc]

N_FRAMES, CHUNK_FRAMES = 600, 200
SEARCH = ("search", "-t", "20", "--preset", "ultrafast", "--crf-lo", "36", "--crf-hi", "36")
CHUNKS = ("--chunk", "8", "--strategy", "bisect", "--subsample", "5", "--format", "json")
# The index, heads of answers, and questions about the object itself.
INDEX_BYTES = 50_000


@pytest.fixture(scope="module")
def ffmpeg(tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path) -> Path:
    return make_ffmpeg(tmp_path_factory.mktemp("ffmpeg"), ffmpeg_exe)


@pytest.fixture(scope="module")
def film(clips: ClipFactory) -> Path:
    """Of keyframes only, so that what a chunk needs are its own pictures."""
    path = clips.folder / "film.mp4"
    noise = f"testsrc2=s=160x96:r=25:d={N_FRAMES / 25},noise=alls=60:allf=t:all_seed=7"
    lossless = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-g", "1")
    clips.run("-f", "lavfi", "-i", noise, "-pix_fmt", "yuv444p", *lossless, str(path))
    return path


# S3; a parameter, so that it is skipped where its packages are missing.
@pytest.fixture(scope="module", params=STORES[:1])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    with running(request.param) as store:
        yield store


@pytest.fixture(scope="module")
def ways(store: ObjectStore) -> Iterator[list[Counted]]:
    """One for each worker."""
    with ExitStack() as stack:
        yield [stack.enter_context(counting(store.port)) for _ in range(2)]


@pytest.fixture(scope="module")
def cluster(
    store: ObjectStore,
    ways: list[Counted],
    tmp_path_factory: pytest.TempPathFactory,
    ffmpeg: Path,
) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), ffmpeg) as cluster:
        for way in ways:
            cluster.start_worker(**ObjectStore(store.scheme, way.port).env)
        yield cluster


def on(cluster: Cluster, store: ObjectStore, address: str, folder: Path) -> Outcome:
    env = {**store.env, "VMAFX_FFMPEG": str(cluster.ffmpeg)}
    # A name that leads elsewhere on each worker.
    env |= {"VMAFX_CACHE_DIR": "/proc/self/cwd/here"}
    line = ("--cluster", cluster.address, "--cluster-timeout", "60")
    return run_cli(*SEARCH, *CHUNKS, "-r", address, *line, cwd=folder, env=env)


def copies(cluster: Cluster, name: str) -> list[list[Path]]:
    """What each worker has of a film."""
    return [list(worker.folder.glob(f"cache/sources/*/{name}")) for worker in cluster.workers]


def test_each_worker_reads_what_its_chunks_need(
    store: ObjectStore,
    ways: list[Counted],
    cluster: Cluster,
    film: Path,
    ffmpeg: Path,
    tmp_path: Path,
) -> None:
    remote = on(cluster, store, store.put("2026/film.mp4", film.read_bytes()), tmp_path)
    assert remote.exit_code == 0, remote.stderr
    local = run_cli(
        *SEARCH,
        *CHUNKS,
        "-r",
        film,
        env={"VMAFX_FFMPEG": str(ffmpeg), "VMAFX_CACHE_DIR": str(tmp_path)},
    )
    differs = TIMES | {"src", "encode_command", "chunk_commands"}

    assert without(remote.document, differs) == without(local.document, differs)
    assert remote.document["chunk_frames"] == CHUNK_FRAMES
    chunk_bytes = film.stat().st_size / (N_FRAMES / CHUNK_FRAMES)
    found = copies(cluster, "film.mp4")
    assert sum(map(len, found)) >= N_FRAMES / CHUNK_FRAMES
    for way, parts in zip(ways, found, strict=True):
        assert way.n_bytes <= len(parts) * (1.2 * chunk_bytes + INDEX_BYTES)


def test_an_object_that_was_replaced_before_a_worker_read_it_is_a_sentence(
    store: ObjectStore, ways: list[Counted], cluster: Cluster, film: Path, tmp_path: Path
) -> None:
    # Another film than that which workers know by now.
    content = film.read_bytes() + (8).to_bytes(4, "big") + b"free"
    address = store.put("changing.mp4", content)
    lock, replaced = threading.Lock(), list[str]()

    def replace() -> None:
        with lock:
            if not replaced:
                replaced.append(store.put("changing.mp4", bytes(len(content))))

    for way in ways:
        way.before = replace
    outcome = on(cluster, store, address, tmp_path)

    assert outcome.exit_code == 1
    assert "returns other content here than it did to the client" in outcome.stderr
    assert copies(cluster, "changing.mp4") == [[], []]
