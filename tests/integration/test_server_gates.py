"""What the server promises: overload, cancelling, broken tools, leaks, and how it ends."""

from __future__ import annotations

import random
import signal
import socket
import struct
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.support import pictures
from tests.support.pictures import render
from tests.support.programs import make_program, needs_proc, wait_until
from tests.support.server_process import server_process
from vmafx_tune import score
from vmafx_tune.client import ScoringClient
from vmafx_tune.errors import BusyError, DeadlineError, DrainingError, ServiceError
from vmafx_tune.model import Resolution
from vmafx_tune.server.proto import vmafx_pb2 as pb
from vmafx_tune.server.proto import vmafx_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.descriptor import MethodDescriptor

    from tests.support.clips import ClipFactory
    from tests.support.http_server import Answer
    from tests.support.server_process import ServerProcess

pytestmark = needs_proc

NOT_NEEDED_YET = {"av", "numpy", "prometheus_client", "pydantic", "rich", "typer"}
WAIT_S = 120.0
SLOTS, QUEUE, CLIENTS = 2, 8, 50
LIMITS = ("--max-concurrent", str(SLOTS), "--max-queue", str(QUEUE))
CANCELS, AT_ONCE = 40, 4
WARM_UP, SCORES = 20, 80
# What one door left behind with each score would be half as many. Pools that fill up when they
# are first busy stay far below.
LEAKED = SCORES // 4
# In so few scores the allocator moves more than a small leak would; the benchmarks look closer.
MEMORY_KIB = 10 * 1024


class Pair:
    """A pair of clips in a folder that a server reads."""

    def __init__(self, clips: ClipFactory) -> None:
        self.folder = clips.folder
        self.paths = (clips.moving(), clips.degraded(35))
        self.names = (self.paths[0].name, self.paths[1].name)

    def over_http(self, server: ServerProcess) -> Answer:
        return server.score(*self.names)

    def over_grpc(self, server: ServerProcess) -> float:
        with ScoringClient(server.grpc_address, timeout_s=WAIT_S) as client:
            return client.score(*self.names).score


class StandIn:
    """An ffmpeg that does something else than to score, once it is told what."""

    def __init__(self, folder: Path, ffmpeg: Path) -> None:
        self._folder = folder
        self._orders = folder / "orders"
        self._real = f'{ffmpeg} "$@"'
        obeying = f"if [ -e {self._orders} ]; then . {self._orders}; fi"
        body = f'case "$*" in *-progress*) {obeying} ;; esac\nexec {self._real}'
        self.path = make_program(folder, body, "stand-in-ffmpeg")

    def do(self, orders: str) -> None:
        self._orders.write_text(f"{orders}\n")

    def behave(self) -> None:
        self._orders.unlink()

    def linger(self) -> None:
        """Score, but never end."""
        self.do(f"{self._real}; : > {self._folder}/$$.lingers; sleep 1000")

    @property
    def lingering(self) -> int:
        """How many came that far."""
        return len(list(self._folder.glob("*.lingers")))

    def wait_for(self, path: Path) -> None:
        self.do(f"while [ ! -e {path} ]; do sleep 0.05; done")


@pytest.fixture
def stand_in(tmp_path: Path, ffmpeg_exe: Path) -> StandIn:
    return StandIn(tmp_path, ffmpeg_exe)


@pytest.fixture(scope="module")
def pair(clips: ClipFactory) -> Pair:
    return Pair(clips)


def test_nothing_heavy_is_loaded_before_the_server_is_ready(pair: Pair) -> None:
    with server_process(pair.folder, env={"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        before, ready, _ = server.output.partition('"msg": "ready"')
        assert ready
        assert server.get("/readyz") == 200
    loaded = {line.rpartition("|")[2].strip() for line in before.splitlines()}
    assert "vmafx_tune.server.grpc_app" in loaded
    assert not {name.partition(".")[0] for name in loaded} & NOT_NEEDED_YET


@contextmanager
def probed(server: ServerProcess) -> Iterator[set[int]]:
    """Ask both probes all the time, and gather what they say."""
    seen: set[int] = set()
    done = threading.Event()

    def probe() -> None:
        while not done.is_set():
            seen.update((server.get("/healthz"), server.get("/readyz")))

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_under_overload_what_has_a_place_is_answered_and_the_rest_refused_at_once(
    pair: Pair, stand_in: StandIn, tmp_path: Path
) -> None:
    stand_in.wait_for(tmp_path / "go")
    with (
        server_process(pair.folder, *LIMITS, ffmpeg=stand_in.path) as server,
        probed(server) as probes,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        over_http = [pool.submit(pair.over_http, server) for _ in range(CLIENTS // 2)]
        over_grpc = [pool.submit(pair.over_grpc, server) for _ in range(CLIENTS // 2)]
        both: list[Future[Any]] = [*over_http, *over_grpc]
        refusals = CLIENTS - SLOTS - QUEUE
        wait_until(lambda: sum(future.done() for future in both) == refusals)
        (tmp_path / "go").touch()
        answers = [future.result() for future in over_http]
        errors = [error for future in over_grpc if (error := future.exception())]
        scores = [future.result() for future in over_grpc if not future.exception()]

    scores += [answer.json()["score"] for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(scores) == SLOTS + QUEUE
    assert set(scores) == {score(*pair.paths).score}
    assert len(refused) + len(errors) == refusals
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert all(isinstance(error, BusyError) and error.retry_after_s >= 1 for error in errors)
    assert probes == {200}


def leave_http(
    server: ServerProcess, pair: Pair, pause: Callable[[], None], *, reset: bool
) -> None:
    """Ask for a score, and be gone before it is there."""
    body = '{{"reference": "{}", "distorted": "{}"}}'.format(*pair.names).encode()
    head = (
        "POST /v1/score HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=WAIT_S) as client:
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(head.encode() + body)
        pause()


def leave_grpc(stub: Any, pair: Pair, pause: Callable[[], None]) -> None:
    """Ask for a score, and cancel it before it is there."""
    reference, distorted = pair.names
    call = stub.Score.future(pb.ScoreRequest(reference=reference, distorted=distorted))
    pause()
    call.cancel()


def test_clients_that_leave_at_any_moment_leave_no_process_and_no_slot_behind(
    pair: Pair, stand_in: StandIn
) -> None:
    dice = random.Random(4)
    stand_in.linger()
    with (
        server_process(pair.folder, *LIMITS, ffmpeg=stand_in.path) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        stub = stub_of(channel)

        def leave(number: int) -> None:
            # One of each four leaves when a score is certain to be under way.
            instant = partial(time.sleep, dice.uniform(0, 0.3))
            under_way = partial(wait_until, lambda: bool(server.children))
            pause = instant if number % AT_ONCE else under_way
            if (number + number // AT_ONCE) % 2:
                leave_http(server, pair, pause, reset=dice.random() < 0.5)
            else:
                leave_grpc(stub, pair, pause)

        for first in range(0, CANCELS, AT_ONCE):
            leaving = [pool.submit(leave, first + i) for i in range(AT_ONCE)]
            assert [future.result() for future in leaving] == [None] * AT_ONCE
            wait_until(lambda: not server.children)
        stand_in.behave()
        expected = score(*pair.paths).score
        both = [pool.submit(pair.over_http, server) for _ in range(SLOTS)]
        assert [future.result().json()["score"] for future in both] == [expected] * SLOTS
        assert pair.over_grpc(server) == expected
        server.signal()
        assert server.end() == 0


def test_a_server_that_is_killed_takes_its_processes_with_it(pair: Pair, stand_in: StandIn) -> None:
    stand_in.linger()
    with (
        server_process(pair.folder, *LIMITS, ffmpeg=stand_in.path) as server,
        ThreadPoolExecutor() as pool,
    ):
        asked = [pool.submit(ask, server) for ask in (pair.over_http, pair.over_grpc)]
        wait_until(lambda: stand_in.lingering == len(asked))

        server.signal(signal.SIGKILL)

        assert server.end() == -signal.SIGKILL
        wait_until(lambda: not server.children)
        assert all(future.exception() for future in asked)


def test_a_score_over_http_is_finished_during_a_drain_and_a_new_one_refused(
    pair: Pair, stand_in: StandIn, tmp_path: Path
) -> None:
    stand_in.wait_for(tmp_path / "go")
    with (
        server_process(pair.folder, "--drain-seconds", "100", ffmpeg=stand_in.path) as server,
        ThreadPoolExecutor() as pool,
    ):
        running = pool.submit(pair.over_http, server)
        wait_until(lambda: bool(server.children))

        server.signal()
        server.wait_for("draining")
        refused = pair.over_http(server)
        (tmp_path / "go").touch()

        assert running.result().json()["score"] == score(*pair.paths).score
        assert server.end() == 0
    assert refused.status == 503
    assert "retry-after" in refused.headers


def test_a_score_over_http_that_outlasts_the_drain_is_told_so(
    pair: Pair, stand_in: StandIn
) -> None:
    stand_in.linger()
    with (
        server_process(
            pair.folder, *LIMITS, "--drain-seconds", "0.5", ffmpeg=stand_in.path
        ) as server,
        ThreadPoolExecutor() as pool,
    ):
        over_http = pool.submit(pair.over_http, server)
        over_grpc = pool.submit(pair.over_grpc, server)
        wait_until(lambda: stand_in.lingering == SLOTS)

        server.signal()

        assert server.end() == 1
        assert not server.children
        assert over_http.result().status == 503
        assert isinstance(over_grpc.exception(), DrainingError)


FAILURES = {
    "crashes": "kill -SEGV $$",
    "fails": "echo 'no such filter in /srv/secret' >&2; exit 1",
    "prints garbage": "head -c 1000000 /dev/urandom; head -c 1000000 /dev/urandom >&2; exit 1",
    "prints 10 MB": "yes 'wrong in /srv/secret, says ffmpeg' | head -c 10000000 >&2; exit 1",
    "writes a log of garbage": "head -c 100000 /dev/urandom > vmaf.json; exit 0",
    "writes nothing": "exit 0",
}
INTERNALS = ("secret", "ffmpeg", "signal", "exit", "/tmp", "/proc", "vmaf.json", "Error", "wrong")


def test_a_backend_that_fails_is_an_error_without_internals_and_the_next_score_works(
    pair: Pair, stand_in: StandIn
) -> None:
    expected = score(*pair.paths).score
    with server_process(pair.folder, "--backend", "ffmpeg", ffmpeg=stand_in.path) as server:
        for failure, orders in FAILURES.items():
            stand_in.do(orders)
            answer = pair.over_http(server)
            with pytest.raises(ServiceError) as caught:
                pair.over_grpc(server)
            stand_in.behave()

            assert answer.status == 500, failure
            for sentence in (answer.error, str(caught.value)):
                assert not [word for word in INTERNALS if word in sentence], failure
            assert pair.over_http(server).json()["score"] == expected, failure
            assert pair.over_grpc(server) == expected, failure
        assert not server.children


def test_a_backend_that_hangs_runs_into_the_deadline_and_the_next_score_works(
    pair: Pair, stand_in: StandIn
) -> None:
    expected = score(*pair.paths).score
    stand_in.linger()
    limits = (*LIMITS, "--backend", "ffmpeg", "--request-timeout", "5")
    with (
        server_process(pair.folder, *limits, ffmpeg=stand_in.path) as server,
        ThreadPoolExecutor() as pool,
    ):
        over_http = pool.submit(pair.over_http, server)
        over_grpc = pool.submit(pair.over_grpc, server)

        assert over_http.result().status == 504
        assert isinstance(over_grpc.exception(), DeadlineError)
        assert not server.children
        stand_in.behave()
        assert pair.over_http(server).json()["score"] == expected
        assert pair.over_grpc(server) == expected


class Usage:
    """What a process holds."""

    def __init__(self, pid: int) -> None:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        self.memory_kib = int(fields["VmRSS"].split()[0])
        self.threads = int(fields["Threads"])
        self.descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_memory_descriptors_and_threads_do_not_grow_with_the_number_of_scores(
    clips: ClipFactory,
) -> None:
    pair = Pair(clips)
    with (
        server_process(clips.folder) as server,
        ScoringClient(server.grpc_address, timeout_s=WAIT_S) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        doors: tuple[Callable[[], float], ...] = (
            lambda: float(pair.over_http(server).json()["score"]),
            lambda: client.score(*pair.names).score,
        )

        def scored(times: int) -> Usage:
            calls = [pool.submit(doors[i % 2]) for i in range(times)]
            assert len({call.result() for call in calls}) == 1
            return Usage(server.process.pid)

        before = scored(WARM_UP)
        after = scored(SCORES)

    assert after.memory_kib - before.memory_kib < MEMORY_KIB
    assert after.descriptors - before.descriptors < LEAKED
    assert after.threads - before.threads < LEAKED


class ReflectingClient:
    """A client that knows nothing of the service but what the server's reflection tells it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel: Any = channel
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self._service = pool.FindServiceByName("vmafx.v1.VmafxScoring")

    def method(self, name: str) -> tuple[Any, Any]:
        """Find a method; returns the class of its request, and what calls it."""
        method: MethodDescriptor = self._service.FindMethodByName(name)
        request: Any = GetMessageClass(method.input_type)
        response: Any = GetMessageClass(method.output_type)
        kinds = (
            "unary" if not streams else "stream"
            for streams in (method.client_streaming, method.server_streaming)
        )
        call = getattr(self._channel, "_".join(kinds))(
            f"/{self._service.full_name}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return request, call


def test_a_client_that_knows_the_service_by_reflection_alone_scores_files_and_frames(
    pair: Pair,
) -> None:
    size, n_pairs = Resolution(96, 64), 3
    with (
        server_process(pair.folder) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        client = ReflectingClient(channel)
        request, call = client.method("Score")
        reference, distorted = pair.names
        scored = call(request(reference=reference, distorted=distorted), timeout=WAIT_S)
        message, stream = client.method("ScoreStream")
        config = {
            "width": size.width,
            "height": size.height,
            "pixel_format": "PIXEL_FORMAT_YUV420P",
        }
        picture = render(pictures.moving, 0, size, "yuv420p")
        sent = [
            {"frame_index": i, "raw_reference": picture, "raw_distorted": picture}
            for i in range(n_pairs)
        ]
        requests = (message(config=config), *(message(frame_pair=pair) for pair in sent))
        *frames, last = stream(iter(requests), timeout=WAIT_S)

    assert scored.score == score(*pair.paths).score
    assert [answer.frame_score.frame_index for answer in frames] == list(range(n_pairs))
    assert last.aggregate.frames_processed == n_pairs


def stub_of(channel: grpc.Channel) -> Any:
    # Generated without types.
    stubs: Any = vmafx_pb2_grpc
    return stubs.VmafxScoringStub(channel)
