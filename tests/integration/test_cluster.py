"""A cluster gives what this machine gives, whatever becomes of its parts."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import CancelledError as FutureCancelledError
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_cli_interrupt import HEAR_SIGNALS
from tests.support.cli import TIMES, Outcome, command, run_cli, without
from tests.support.cluster import Cluster, make_ffmpeg, needs_dask, running_cluster
from tests.support.origin import Origin, serving
from tests.support.programs import needs_proc, wait_until
from vmafx_tune._version import __version__
from vmafx_tune.cluster import connection as connection_module
from vmafx_tune.cluster.connection import connect
from vmafx_tune.errors import ClusterLostError, ClusterWorkersError
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.cluster.connection import Connection

pytestmark = [needs_dask, needs_proc]

# The least that Dask takes. It is the scheduler that removes a worker which does not answer.
SHORT_TTL = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s"}
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"
QUICK = ("--preset", "ultrafast", "--crf-lo", "26", "--crf-hi", "38")
# A loaded machine takes its time to start a worker.
PATIENT = ("--cluster-timeout", "60")

SEARCH = ("search", "-t", "70", *QUICK)
COMPARE = ("compare", "-t", "60,70", "-c", "libx264,libx265", "--anchor", "libx264", *QUICK)
LADDER = ("ladder", "-t", "50,60", "--resolutions", "160x90,128x72", *QUICK)


@pytest.fixture(scope="session")
def ffmpeg(tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path) -> Path:
    """The ffmpeg of all clients and workers here."""
    return make_ffmpeg(tmp_path_factory.mktemp("ffmpeg"), ffmpeg_exe)


@pytest.fixture(autouse=True)
def client_ffmpeg(ffmpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMAFX_FFMPEG", str(ffmpeg))


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), ffmpeg) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """Two workers at least, whatever became of those of the test before."""
    shared_cluster.restore(2)
    return shared_cluster


@pytest.fixture
def clip(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=24)


@pytest.fixture(scope="session")
def local_runs() -> dict[tuple[str, ...], Outcome]:
    return {}


@pytest.fixture
def locally(clip: Path, local_runs: dict[tuple[str, ...], Outcome]) -> Callable[..., Outcome]:
    """Run a command on the clip on this machine; once for all tests, as it is always the same."""

    def run(*arguments: str) -> Outcome:
        if arguments not in local_runs:
            local_runs[arguments] = run_cli(*arguments, "-r", clip, "--no-cache")
        return local_runs[arguments]

    return run


def on(cluster: Cluster, name: str, *arguments: str | Path) -> Outcome:
    return run_cli(name, "--cluster", cluster.address, *PATIENT, *arguments)


def start(cluster: Cluster, name: str, *arguments: str | Path) -> subprocess.Popen[str]:
    line = command(name, "--cluster", cluster.address, *PATIENT, *arguments)
    return subprocess.Popen(
        [sys.executable, "-c", HEAR_SIGNALS, *line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Outcome:
    stdout, stderr = process.communicate()
    assert "Traceback" not in stderr, stderr
    return Outcome(process.returncode, stdout, stderr)


@contextmanager
def listening(greeting: bytes) -> Iterator[int]:
    """Accept connections, greet each and say no more; the block gets the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    accepted.append(server.accept()[0])
                    accepted[-1].sendall(greeting)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()


def hold_all(cluster: Cluster) -> None:
    for worker in cluster.workers:
        worker.gate.touch()


def answers(outcome: Outcome) -> list[float]:
    return [row["best_crf"] for row in outcome.document["rows"]]


def assert_same(outcome: Outcome, local: Outcome) -> None:
    assert outcome.exit_code == local.exit_code == 0, outcome.stderr
    assert without(outcome.document) == without(local.document)


@pytest.mark.parametrize(
    "arguments",
    [SEARCH, COMPARE, LADDER, (*SEARCH, "--require", "vmaf.p5>=30,xpsnr>=20,psnr_cb.min>=20")],
    ids=["search", "compare", "ladder", "conditions"],
)
def test_a_cluster_gives_the_json_of_a_local_run(
    cluster: Cluster,
    clip: Path,
    locally: Callable[..., Outcome],
    arguments: tuple[str, ...],
) -> None:
    remote, local = on(cluster, *arguments, "-r", clip, "--no-cache"), locally(*arguments)

    assert remote.stderr == local.stderr
    assert_same(remote, local)


def test_the_parts_of_a_sample_are_measured_on_the_cluster_like_here(
    cluster: Cluster, clips: ClipFactory
) -> None:
    line = (*SEARCH, "-r", clips.moving(n_frames=72), "--sample", "3x0.5s", "--no-cache")

    assert_same(on(cluster, *line), run_cli(*line))


def test_looks_are_taken_on_the_cluster_like_here(cluster: Cluster, clips: ClipFactory) -> None:
    options = ("-r", clips.moving(n_frames=120), "--no-cache", "-v", "--progress", "json")
    remote, local = on(cluster, *SEARCH, *options), run_cli(*SEARCH, *options)

    def looks(outcome: Outcome) -> list[float]:
        lines = [line for line in outcome.stderr.splitlines() if line.startswith("{")]
        events = map(json.loads, lines)
        return [e["vmaf"] for e in events if e["event"] == "probe_finished" and e["look"]]

    assert len(looks(remote)) >= 1
    assert looks(remote) == looks(local)
    assert_same(remote, local)


@pytest.mark.parametrize(
    "arguments",
    [SEARCH, COMPARE, LADDER, (*SEARCH, "--require", "vmaf.p5>=30,xpsnr>=20,psnr_cb.min>=20")],
    ids=["search", "compare", "ladder", "conditions"],
)
def test_an_encode_in_chunks_is_the_same_on_the_cluster_as_here(
    cluster: Cluster, clips: ClipFactory, arguments: tuple[str, ...]
) -> None:
    gop = ("--gop", "0.4") if arguments is LADDER else ()
    clip = clips.moving(n_frames=60)
    line = (*arguments, *gop, "--chunk", "0.8", "--no-cache")
    remote, local = on(cluster, *line, "-r", clip), run_cli(*line, "-r", clip)

    assert_same(remote, local)
    chunked = remote.document["rows"][0] if arguments is COMPARE else remote.document
    assert chunked["chunk_frames"] == 20


@pytest.mark.parametrize("per_shot", [(), ("--per-shot",)], ids=["single", "per-shot"])
def test_what_workers_measure_is_delivered_here(
    cluster: Cluster, clips: ClipFactory, tmp_path: Path, per_shot: tuple[str, ...]
) -> None:
    if per_shot and find_spec("scenedetect") is None:
        pytest.skip("PySceneDetect, of the extra [shots], is not here")
    film = ("-r", str(clips.three_shots()))
    line = (*film, "-t", "88", "--preset", "ultrafast", *per_shot)
    here = run_cli("encode", *line, "-o", tmp_path / "here.mkv", "--no-cache")
    there = on(cluster, "encode", *line, "-o", tmp_path / "there.mkv", "--verbose")

    assert here.exit_code == there.exit_code == 0, there.stderr
    documents = (
        without(one.document, {*TIMES, "output", "encode_command"}) for one in (here, there)
    )
    assert next(documents) == next(documents)
    verified = [one.document["output"]["verified"]["video_sha256"] for one in (here, there)]
    assert verified[0] == verified[1]
    # What runs here is one encode, or one of each shot.
    commands = [text for text in there.stderr.splitlines() if " -c:v libx264 " in text]
    encodes = [text for text in commands if " -f matroska " not in text]
    assert len(encodes) <= (4 if per_shot else 1)


def test_workers_that_would_encode_otherwise_than_this_machine_deliver_nothing(
    cluster: Cluster, clip: Path, tmp_path: Path, ffmpeg_exe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMAFX_FFMPEG", str(ffmpeg_exe))
    done = on(cluster, "encode", "-r", clip, "-t", "70", "-o", tmp_path / "film.mkv", *QUICK)

    assert (done.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "this machine, which differs from them" in " ".join(done.stderr.split())


def test_an_encode_above_the_limit_is_stopped_on_a_worker_as_it_is_here(
    cluster: Cluster, clip: Path
) -> None:
    line = (*SEARCH, "-r", clip, "--max-bitrate", "60", "--no-cache")
    remote, local = on(cluster, *line), run_cli(*line)

    assert remote.exit_code == local.exit_code
    assert without(remote.document) == without(local.document)


def test_what_a_cluster_measured_is_known_to_this_machine(cluster: Cluster, clip: Path) -> None:
    remote = on(cluster, *SEARCH, "-r", clip)
    local = run_cli(*SEARCH, "-r", clip)

    assert remote.document["new_probes"] > 0
    assert local.document["new_probes"] == 0
    assert local.document["encode_command"] == remote.document["encode_command"]


def test_progress_comes_from_the_workers(cluster: Cluster, clips: ClipFactory) -> None:
    # Heartbeats carry it, so a probe has to take longer than the half second between two.
    clip = clips.moving(n_frames=250, size=Resolution(480, 270))
    outcome = on(cluster, *SEARCH, "-r", clip, "--preset", "slow", "--progress", "json")

    assert '"event": "frames_done"' in outcome.stderr


def test_a_worker_that_is_killed_in_mid_probe_has_it_done_by_another(
    cluster: Cluster, clip: Path, locally: Callable[..., Outcome]
) -> None:
    hold_all(cluster)
    process = start(cluster, *COMPARE, "-r", clip, "--no-cache")
    victim, *others = cluster.workers
    wait_until(lambda: victim.encodes or process.poll() is not None)
    victim.process.send_signal(signal.SIGKILL)
    for worker in others:
        worker.gate.unlink()

    assert_same(finish(process), locally(*COMPARE))


def test_a_worker_that_stops_answering_in_mid_probe_has_it_done_by_another(
    tmp_path: Path, ffmpeg: Path, clip: Path, locally: Callable[..., Outcome]
) -> None:
    with running_cluster(tmp_path, ffmpeg, 2, **SHORT_TTL) as cluster:
        hold_all(cluster)
        process = start(cluster, *COMPARE, "-r", clip, "--no-cache")
        victim, other = cluster.workers
        wait_until(lambda: victim.encodes or process.poll() is not None)
        victim.process.send_signal(signal.SIGSTOP)
        other.gate.unlink()

        assert_same(finish(process), locally(*COMPARE))


def test_the_only_worker_stops_answering_in_mid_probe(
    tmp_path: Path, ffmpeg: Path, clip: Path
) -> None:
    with running_cluster(tmp_path, ffmpeg, 1, **SHORT_TTL) as cluster:
        hold_all(cluster)
        process = start(cluster, *SEARCH, "-r", clip, "--cluster-timeout", "5")
        wait_until(lambda: cluster.workers[0].encodes or process.poll() is not None)
        cluster.workers[0].process.send_signal(signal.SIGSTOP)
        outcome = finish(process)

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "No worker is left" in outcome.stderr


def test_a_worker_that_does_not_answer_from_the_start_is_left_out(
    cluster: Cluster, clip: Path, locally: Callable[..., Outcome]
) -> None:
    victim = cluster.start_worker()
    victim.process.send_signal(signal.SIGSTOP)
    outcome = on(cluster, *SEARCH, "-r", clip, "--no-cache", "--cluster-timeout", "5")
    victim.end()

    assert_same(outcome, locally(*SEARCH))


def test_nothing_of_a_run_stays_on_the_scheduler(cluster: Cluster, clip: Path) -> None:
    def topics(dask_scheduler: Any) -> set[str]:
        # Dask itself keeps one for each client and each worker that ever was.
        return {name for name in dask_scheduler._broker._topics if "vmafx" in name}

    assert on(cluster, *SEARCH, "-r", clip, "--no-cache", "--progress", "json").exit_code == 0
    with closing(connect(cluster.address, timeout_s=60, warn=warnings.warn)) as connection:
        assert connection._client.run_on_scheduler(topics) == set()
        metrics = [presence.progress for presence in connection.workers().values()]

    assert metrics == [{}] * len(cluster.workers)


def test_ctrl_c_stops_the_encodes_on_the_workers(cluster: Cluster, clip: Path) -> None:
    hold_all(cluster)
    process = start(cluster, *COMPARE, "-r", clip)
    wait_until(lambda: any(worker.encodes for worker in cluster.workers))
    process.send_signal(signal.SIGINT)
    outcome = finish(process)

    assert (outcome.exit_code, outcome.stdout) == (130, "")
    assert outcome.stderr == "vmafx-tune: interrupted.\n"
    wait_until(lambda: not any(worker.children for worker in cluster.workers))


def test_a_client_that_is_killed_leaves_nothing_running(cluster: Cluster, clip: Path) -> None:
    hold_all(cluster)
    process = start(cluster, *SEARCH, "-r", clip)
    wait_until(lambda: any(worker.encodes for worker in cluster.workers))
    process.kill()
    process.communicate()

    wait_until(lambda: not any(worker.children for worker in cluster.workers))


def test_a_source_that_no_worker_sees_is_named_with_the_workers(
    cluster: Cluster, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    line = (*SEARCH, "-r", "/proc/self/cwd/clip.mp4", "--cluster", cluster.address)
    outcome = run_cli(*line, cwd=tmp_path)

    assert outcome.exit_code == 1
    assert "'/proc/self/cwd/clip.mp4'" in outcome.stderr
    assert "No such file" in outcome.stderr
    assert outcome.stderr.count("tcp://") == len(cluster.workers)


def test_a_source_of_the_same_name_with_other_content_is_not_taken(
    cluster: Cluster, clip: Path, clips: ClipFactory, tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    for worker in cluster.workers:
        (worker.folder / "clip.mp4").write_bytes(clips.moving().read_bytes())
    line = (*SEARCH, "-r", "/proc/self/cwd/clip.mp4", "--cluster", cluster.address)
    outcome = run_cli(*line, cwd=tmp_path)

    assert outcome.exit_code == 1
    assert "a different file" in outcome.stderr


def test_a_source_at_a_url_is_fetched_once_by_each_worker_that_needs_it(
    cluster: Cluster, clip: Path, locally: Callable[..., Outcome], tmp_path: Path
) -> None:
    here = {"VMAFX_CACHE_DIR": "/proc/self/cwd/here"}
    line = ("--cluster", cluster.address, *PATIENT)
    with serving(Origin(clip.read_bytes())) as origin:
        url = f"{origin.url.replace('://', '://me:secret@')}?X-Amz-Signature=secret"
        remote = run_cli(*COMPARE, "-r", url, *line, cwd=tmp_path, env=here)
    copies = [list(w.folder.glob("cache/sources/*/My_clip.mp4")) for w in cluster.workers]

    assert remote.exit_code == 0, remote.stderr
    assert max(map(len, copies)) == 1
    assert len(origin.asked) == 1 + sum(map(len, copies))
    assert {asked["Authorization"] for asked in origin.asked} == {"Basic bWU6c2VjcmV0"}
    assert "secret" not in remote.stdout + remote.stderr
    assert answers(remote) == answers(locally(*COMPARE))


def test_a_url_that_gives_no_video_is_named(cluster: Cluster) -> None:
    with serving(Origin(b"<html>Sign in</html>")) as origin:
        outcome = on(cluster, *SEARCH, "-r", origin.url)

    assert outcome.exit_code == 1
    assert f"'{origin.url}' is not a video." in outcome.stderr


def test_an_encode_that_fails_on_a_worker_says_what_it_says_here(
    cluster: Cluster, clip: Path
) -> None:
    # A quality below -qmin is refused, which a trial at the usual quality cannot tell.
    knob = ("--crf-lo", "20", "--crf-hi", "22", "--encoder-args=-qmin 30")
    line = ("search", "-r", clip, "-c", "libvpx-vp9", "-t", "60", "--preset", "ultrafast", *knob)
    remote, local = on(cluster, *line), run_cli(*line)

    assert remote.exit_code == local.exit_code == 1
    assert remote.stderr.splitlines()[0] == local.stderr.splitlines()[0]


def test_probes_go_to_the_workers_that_have_the_encoder(
    tmp_path: Path, ffmpeg: Path, clip: Path, locally: Callable[..., Outcome]
) -> None:
    with running_cluster(tmp_path, ffmpeg, 1) as cluster:
        cluster.start_worker(lacks="libx265")
        remote = on(cluster, *COMPARE, "-r", clip, "--no-cache")

    assert remote.stderr.count("is not used for libx265") == 1
    assert_same(remote, locally(*COMPARE))


def test_an_encoder_that_no_worker_has_is_a_missing_one(
    tmp_path: Path, ffmpeg: Path, clip: Path
) -> None:
    with running_cluster(tmp_path, ffmpeg) as cluster:
        cluster.start_worker(lacks="libx264")
        remote = on(cluster, *SEARCH, "-r", clip)

    assert remote.exit_code == 4
    assert "libx264 cannot be used here. No worker of the cluster" in remote.stderr


def test_workers_of_another_version_are_left_out(tmp_path: Path, ffmpeg: Path, clip: Path) -> None:
    package = tmp_path / "other/vmafx_tune"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "_version.py").write_text('__version__ = "0.0.1"\n')
    with running_cluster(tmp_path, ffmpeg) as cluster:
        cluster.start_worker(PYTHONPATH=str(package.parent))
        refused = on(cluster, *SEARCH, "-r", clip)
        cluster.start_worker()
        remote = on(cluster, *SEARCH, "-r", clip)

    assert refused.exit_code == 1
    assert "0.0.1" in refused.stderr
    assert __version__ in refused.stderr
    assert "0.0.1" in remote.stderr
    assert remote.exit_code == 0


def test_a_scheduler_that_dies_costs_no_finished_probe(
    tmp_path: Path, ffmpeg: Path, clip: Path, locally: Callable[..., Outcome]
) -> None:
    with running_cluster(tmp_path, ffmpeg, 1) as cluster:
        process = start(cluster, *COMPARE, "-r", clip, "--progress", "json", "--workers", "1")
        assert process.stderr is not None
        for line in process.stderr:
            if '"probe_finished"' in line:
                break
        hold_all(cluster)
        wait_until(lambda: cluster.workers[0].encodes)
        cluster.stop_scheduler()
        outcome = finish(process)
        again = run_cli(*COMPARE, "-r", clip)
    whole = locally(*COMPARE)

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "was lost" in outcome.stderr
    assert "are cached" in outcome.stderr
    assert 0 < again.document["new_probes"] < whole.document["new_probes"]


def test_a_probe_that_kills_its_workers_says_so(tmp_path: Path, ffmpeg: Path, clip: Path) -> None:
    allowed = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with running_cluster(tmp_path, ffmpeg, 1, **allowed) as cluster:
        hold_all(cluster)
        process = start(cluster, *SEARCH, "-r", clip)
        wait_until(lambda: cluster.workers[0].encodes)
        cluster.workers[0].process.send_signal(signal.SIGKILL)
        outcome = finish(process)

    assert outcome.exit_code == 1
    assert "died" in outcome.stderr


def test_a_cluster_that_is_down_is_one_sentence(clip: Path) -> None:
    address = "tcp://127.0.0.1:1"
    outcome = run_cli(*SEARCH, "-r", clip, "--cluster", address, "--cluster-timeout", "1")

    assert outcome.exit_code == 1
    (line,) = outcome.stderr.splitlines()
    assert line.startswith(f"vmafx-tune: error: No Dask scheduler answers at {address} within 1 s")


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", TLS_ALERT, b""]
)
def test_what_answers_like_something_else_is_one_sentence(clip: Path, greeting: bytes) -> None:
    with listening(greeting) as port:
        line = ("--cluster", f"tcp://127.0.0.1:{port}", "--cluster-timeout", "2")
        outcome = run_cli(*SEARCH, "-r", clip, *line)

    assert outcome.exit_code == 1
    (line_of_error,) = outcome.stderr.splitlines()
    assert f"at tcp://127.0.0.1:{port}" in line_of_error
    assert "Dask scheduler" in line_of_error


def test_a_cluster_without_workers_is_one_sentence(
    tmp_path: Path, ffmpeg: Path, clip: Path
) -> None:
    with running_cluster(tmp_path, ffmpeg) as cluster:
        line = ("--cluster", cluster.address, "--cluster-timeout", "2")
        outcome = run_cli(*SEARCH, "-r", clip, *line)

    assert outcome.exit_code == 1
    assert "has no workers" in outcome.stderr


def test_what_is_no_address_is_a_matter_of_usage(clip: Path) -> None:
    outcome = run_cli(*SEARCH, "-r", clip, env={"VMAFX_CLUSTER": "somewhere"})

    assert outcome.exit_code == 2
    assert "'somewhere' is not a valid address" in outcome.stderr


def test_an_empty_address_is_this_machine(clip: Path) -> None:
    line = (*SEARCH, "-r", clip, "--cluster", "")
    assert run_cli(*line, env={"VMAFX_CLUSTER": "somewhere"}).exit_code == 0


def test_without_the_extra_the_error_says_what_to_install(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "distributed.py").write_text("raise ModuleNotFoundError(name='distributed')\n")
    line = (*SEARCH, "-r", clip, "--cluster", "tcp://127.0.0.1:1")
    outcome = run_cli(*line, env={"PYTHONPATH": str(tmp_path)})

    assert outcome.exit_code == 4
    assert "pip install 'vmafx-tune[cluster]'" in outcome.stderr


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[Connection]:
    with closing(connect(cluster.address, timeout_s=60, warn=warnings.warn)) as made:
        yield made


def test_a_future_gives_what_its_call_gives(connection: Connection) -> None:
    workers = connection.workers()
    futures = [connection.submit(pow, base, 2, workers=workers) for base in range(5)]

    assert [future.result() for future in futures] == [0, 1, 4, 9, 16]


def test_calls_of_a_higher_priority_are_started_first(cluster: Cluster, tmp_path: Path) -> None:
    begun, end, order = tmp_path / "begun", tmp_path / "end", tmp_path / "order"

    # Dask sends these by value, unlike what is in this module.
    def n_tasks(dask_scheduler: Any) -> int:
        return sum(key.startswith("vmafx-tune") for key in dask_scheduler.tasks)

    def hold() -> None:
        begun.touch()
        while not end.exists():
            time.sleep(0.01)

    def note(name: str) -> None:
        with order.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")

    def connected(priority: int) -> Connection:
        return connect(cluster.address, timeout_s=60, warn=warnings.warn, priority=priority)

    with closing(connected(-1)) as low, closing(connected(0)) as usual, closing(connected(1)) as up:
        worker = [*up.workers()][:1]
        holding = up.submit(hold, workers=worker)
        wait_until(begun.exists)
        noted = [
            one.submit(note, name, workers=worker)
            for one, name in ((low, "low"), (usual, "usual"), (up, "high"))
        ]
        wait_until(lambda: low._client.run_on_scheduler(n_tasks) == len(noted) + 1)
        end.touch()
        for future in (holding, *noted):
            future.result()

    assert order.read_text(encoding="utf-8").split() == ["high", "usual", "low"]


def test_the_priority_of_a_run_is_that_of_its_probes(cluster: Cluster, clip: Path) -> None:
    def priorities(dask_scheduler: Any) -> list[int]:
        return [
            -task.priority[0]
            for key, task in dask_scheduler.tasks.items()
            if key.startswith("vmafx-tune")
        ]

    hold_all(cluster)
    process = start(cluster, *SEARCH, "-r", clip, "--no-cache", "--cluster-priority", "-3")
    wait_until(lambda: any(worker.encodes for worker in cluster.workers))
    with closing(connect(cluster.address, timeout_s=60, warn=warnings.warn)) as connection:
        found = connection._client.run_on_scheduler(priorities)
    cluster.restore(2)

    assert finish(process).exit_code == 0
    assert found == [-3]


def test_an_error_in_a_call_is_the_workers(connection: Connection) -> None:
    with pytest.raises(ClusterWorkersError, match=r"ValueError: .*'no number'") as caught:
        connection.submit(int, "no number", workers=connection.workers()).result()

    assert isinstance(caught.value.__cause__, ValueError)


def test_a_call_that_runs_is_cancelled_too(connection: Connection, tmp_path: Path) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"

    def hold() -> None:
        begun.touch()
        while not end.exists():
            time.sleep(0.01)

    def calls(dask_scheduler: Any) -> list[str]:
        return [key for key in dask_scheduler.tasks if key.startswith("vmafx-tune")]

    future = connection.submit(hold, workers=connection.workers())
    try:
        wait_until(begun.exists)
        assert future.cancel()
        with pytest.raises(FutureCancelledError):
            future.result()
        # A task that the scheduler has forgotten is one that its worker stops.
        wait_until(lambda: connection._client.run_on_scheduler(calls) == [])
    finally:
        end.touch()


def test_calls_of_a_cluster_that_is_gone_end_with_that(tmp_path: Path, ffmpeg: Path) -> None:
    with (
        running_cluster(tmp_path, ffmpeg, 1) as cluster,
        closing(connect(cluster.address, timeout_s=60, warn=warnings.warn)) as connection,
    ):
        future = connection.submit(time.sleep, 60, workers=connection.workers())
        cluster.stop_scheduler()

        with pytest.raises(ClusterLostError, match="was lost"):
            future.result()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_whatever_is_asked_of_a_cluster_that_is_gone_ends_with_that(
    tmp_path: Path, ffmpeg: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    with (
        running_cluster(tmp_path, ffmpeg, 1) as cluster,
        closing(connect(cluster.address, timeout_s=60, warn=warnings.warn)) as connection,
    ):
        workers = connection.workers()
        monkeypatch.setattr(connection_module, "_SCHEDULER_TIMEOUT_S", 2.0)
        cluster.scheduler.send_signal(sent)

        with pytest.raises(ClusterLostError):
            connection.workers()
        with pytest.raises(ClusterLostError):
            connection.ask(pow, 2, workers)
