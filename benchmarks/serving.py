"""What the server promises: how fast it is, how fast it lets go, and that it does not grow."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from _pair import encoded_pair
from _rows import Row
from _server import Server, Usage, score_request
from _timing import ratios, take_turns

import vmafx_tune
from vmafx_tune.client import FramePair, StreamConfig
from vmafx_tune.cpus import default_threads
from vmafx_tune.model import Resolution
from vmafx_tune.scoring.libvmaf.session import LibvmafScorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmafx_tune.client import ScoringClient

__all__ = ["MEASURES"]

_FRAME = Resolution(1920, 1080)
_N_FRAMES = 60
_N_PICTURES = 4
_N_PROBES = 1000
_N_CANCELS, _CANCELS_AT_ONCE = 100, 4
_QUIET_S = 0.3
_WARM_UP, _SCORES = 200, 2000


def serving_start(folder: Path, rounds: int) -> list[Row]:
    """From the start of the process to 200 on `/readyz`, and from SIGTERM to its end."""
    running: list[Server] = []
    # Leaves compiled modules behind.
    Server(folder).end()
    times = take_turns(
        {
            "start": lambda: running.append(Server(folder)),
            "end": lambda: running.pop().end(),
            "pass": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        },
        2 * rounds + 1,
    )
    return [
        Row(
            "`serve`, start to ready, against `python -c pass`", ratios(times, "pass")["start"], 18
        ),
        Row("`serve`, idle, SIGTERM to its end", statistics.median(times["end"]), 0.5, unit=" s"),
    ]


def serving_scores(folder: Path, rounds: int) -> list[Row]:
    """A score over both transports against the same in this process, on 10 s of 720p."""
    pair = encoded_pair(folder)
    names = [path.name for path in pair]
    with Server(folder) as server, server.client() as client:
        runs: dict[str, Callable[[], object]] = {
            "in process": lambda: vmafx_tune.score(*pair),
            "HTTP": lambda: server.score(names),
            "gRPC": lambda: client.score(*names),
        }
        # The first of each loads modules.
        take_turns(runs, 1)
        found = ratios(take_turns(runs, rounds), "in process")
    return [
        Row(f"a score over {door}, against `score` in process (10 s of 720p)", found[door], 1.05)
        for door in ("HTTP", "gRPC")
    ]


def serving_frames(folder: Path, rounds: int) -> list[Row]:
    """1080p frames over `ScoreStream` against the in-process scorer, threads alike."""
    pictures = [_picture(i) for i in range(_N_PICTURES + 1)]
    with Server(folder) as server, server.client() as client:
        runs: dict[str, Callable[[], object]] = {
            "in process": lambda: _score_in_process(pictures),
            "stream": lambda: _score_as_stream(client, pictures),
        }
        take_turns(runs, 1)
        times = take_turns(runs, rounds)
    share = 1 / ratios(times, "in process")["stream"]
    what = "frames per second of `ScoreStream`, against the scorer in process (1080p)"
    return [Row(what, share, 0.8, least=True)]


def serving_probes(folder: Path, rounds: int) -> list[Row]:
    """How many probes are answered by an idle server, and how fast by a busy one."""
    names = [path.name for path in encoded_pair(folder)]
    with Server(folder, "--max-concurrent", "2") as server:
        idle = take_turns(
            {"probes": lambda: server.ask_over_and_over("/healthz", _N_PROBES)}, rounds
        )
        with _two_scores_running(server, names):
            busy = [_seconds_of_a_probe(server) for _ in range(_N_PROBES)]
    rate = _N_PROBES / statistics.median(idle["probes"])
    slowest = statistics.quantiles(busy, n=100)[-1] * 1000
    return [
        Row("`/healthz` of an idle server", rate, 1000, unit=" requests/s", least=True),
        Row("`/healthz` with two scores running, 99th percentile", slowest, 50, unit=" ms"),
    ]


def serving_cancels(folder: Path, _: int) -> list[Row]:
    """The longest time until nothing runs any more for clients that have left."""
    names = [path.name for path in encoded_pair(folder)]
    dice = random.Random(4)
    slowest = 0.0
    with Server(folder, "--max-concurrent", "2") as server:
        leave = (_leave_http, _leave_grpc)
        for _ in range(_N_CANCELS // _CANCELS_AT_ONCE):
            with ThreadPoolExecutor(_CANCELS_AT_ONCE) as pool:
                for i in range(_CANCELS_AT_ONCE):
                    pool.submit(leave[i % 2], server, names, dice.uniform(0, 0.3))
            slowest = max(slowest, _seconds_until_all_is_gone(server))
    return [Row("100 cancelled scores: time to the last process's end", slowest, 1, unit=" s")]


def serving_soak(folder: Path, _: int) -> list[Row]:
    """What 2,000 scores leave behind, half of them over each transport."""
    names = [path.name for path in encoded_pair(folder, "160x96", 0.4)]
    with Server(folder) as server, server.client() as client:
        doors = (lambda: server.score(names), lambda: client.score(*names).score)

        def scored(times: int) -> Usage:
            with ThreadPoolExecutor(2) as pool:
                calls = [pool.submit(doors[i % 2]) for i in range(times)]
            assert len({call.result() for call in calls}) == 1
            return Usage(server.process.pid)

        before, after = scored(_WARM_UP), scored(_SCORES)
    what = f"{_SCORES:,} scores after {_WARM_UP}"
    return [
        Row(f"{what}: memory", after.memory_mb - before.memory_mb, 5, unit=" MB"),
        Row(f"{what}: more descriptors", after.descriptors - before.descriptors, 0, unit=""),
        Row(f"{what}: more threads", after.threads - before.threads, 0, unit=""),
    ]


def _picture(shift: int) -> bytes:
    """Draw diagonal stripes in 4:2:0 with 8 bits; each `shift` has them elsewhere."""
    row = bytes((7 * (x + 3 * shift)) % 220 + 16 for x in range(2 * _FRAME.width))
    luma = b"".join(row[y % _FRAME.width :][: _FRAME.width] for y in range(_FRAME.height))
    return luma + bytes([128]) * (_FRAME.pixels // 2)


def _pairs(pictures: list[bytes]) -> Iterator[FramePair]:
    for i in range(_N_FRAMES):
        shown = i % _N_PICTURES
        yield FramePair(i, pictures[shown], pictures[shown + 1])


def _score_in_process(pictures: list[bytes]) -> None:
    threads = default_threads(_FRAME)
    with LibvmafScorer.open(_FRAME.width, _FRAME.height, "yuv420p", threads=threads) as scorer:
        split = scorer.layout.split
        for pair in _pairs(pictures):
            scorer.feed(split(pair.reference), split(pair.distorted))
        scorer.finish()


def _score_as_stream(client: ScoringClient, pictures: list[bytes]) -> None:
    config = StreamConfig(_FRAME.width, _FRAME.height, "yuv420p")
    answers = list(client.score_frames(config, _pairs(pictures)))
    assert len(answers) == _N_FRAMES + 1


class _two_scores_running:  # noqa: N801 - used as a function is
    """Keep a server scoring for the block."""

    def __init__(self, server: Server, names: list[str]) -> None:
        self._done = threading.Event()
        self._server = server
        self._threads = [threading.Thread(target=self._score, args=(names,)) for _ in range(2)]

    def _score(self, names: list[str]) -> None:
        while not self._done.is_set():
            self._server.score(names)

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()
        while len(self._server.children()) < 2:
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()


def _seconds_of_a_probe(server: Server) -> float:
    # Apart, as probes are, so that it is not this client that keeps the server busy.
    time.sleep(0.005)
    started = time.perf_counter()
    if server.probe("/healthz") != 200:
        raise SystemExit("A probe was not answered well.")
    return time.perf_counter() - started


def _seconds_until_all_is_gone(server: Server) -> float:
    left = last_seen = time.perf_counter()
    # One may be started yet, by a request that has not been noticed to be nobody's.
    while (now := time.perf_counter()) - last_seen < _QUIET_S:
        if server.children():
            last_seen = now
        time.sleep(0.005)
    return last_seen - left


def _leave_http(server: Server, names: list[str], delay_s: float) -> None:
    body, headers = score_request(names)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with server.connect() as client:
        client.sendall(f"POST /v1/score HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body)
        time.sleep(delay_s)


def _leave_grpc(server: Server, names: list[str], delay_s: float) -> None:
    client = server.client()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.score, *names)
        time.sleep(delay_s)
        client.close()
    if call.exception() is None:
        raise SystemExit("A score was there before it could be cancelled.")


MEASURES = (
    serving_start,
    serving_scores,
    serving_frames,
    serving_probes,
    serving_cancels,
    serving_soak,
)
"""Each is called with a folder to work in and how many times to run what is compared."""
