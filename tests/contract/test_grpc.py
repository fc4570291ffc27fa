"""The gRPC door: what a client sees of each method, with the real scorer behind it."""

from __future__ import annotations

import struct
import threading
from dataclasses import asdict, fields, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from tests.support import pictures
from tests.support.grpc_server import running_server, settings_for
from tests.support.pictures import render
from tests.support.programs import wait_until
from vmafx_tune import score
from vmafx_tune.model import PoolMethod, Resolution
from vmafx_tune.options import ScoringOptions
from vmafx_tune.results.measurement import PooledScores
from vmafx_tune.scoring.libvmaf.session import LibvmafScorer
from vmafx_tune.server import grpc_app
from vmafx_tune.server.proto import vmafx_pb2 as pb
from vmafx_tune.server.proto import vmafx_pb2_grpc
from vmafx_tune.server.scorer import Scored
from vmafx_tune.server.streams import PIXEL_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.grpc_server import RunningServer
    from vmafx_tune.cancel import CancelToken

SIZE = Resolution(96, 64)
N_PAIRS = 6
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def server(clips: ClipFactory) -> Iterator[RunningServer]:
    with running_server(settings_for(clips.folder)) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> Any:
    return stub_of(channel)


def stub_of(channel: grpc.Channel) -> Any:
    # Generated without types.
    stubs: Any = vmafx_pb2_grpc
    return stubs.VmafxScoringStub(channel)


def config(**changes: Any) -> pb.ScoreStreamRequest:
    fields: dict[str, Any] = {"width": SIZE.width, "height": SIZE.height, "pixel_format": 1}
    return pb.ScoreStreamRequest(config=pb.StreamConfig(**{**fields, **changes}))


def pair(index: int, pix_fmt: str = "yuv420p", **changes: Any) -> pb.ScoreStreamRequest:
    reference = render(pictures.moving, index, SIZE, pix_fmt)
    distorted = render(pictures.moving, index + 1, SIZE, pix_fmt)
    fields = {"frame_index": index, "raw_reference": reference, "raw_distorted": distorted}
    return pb.ScoreStreamRequest(frame_pair=pb.FramePair(**{**fields, **changes}))


def streamed(stub: Any, *requests: pb.ScoreStreamRequest) -> list[pb.ScoreStreamResponse]:
    return list(stub.ScoreStream(iter(requests), timeout=TIMEOUT_S))


def refused(stub: Any, *requests: pb.ScoreStreamRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        streamed(stub, *requests)
    error: Any = caught.value
    return error.code(), error.details()


def expected_scores(pix_fmt: str, model: str | None = None) -> list[float]:
    with LibvmafScorer.open(SIZE.width, SIZE.height, pix_fmt, model=model) as scorer:
        frames = []
        for index in range(N_PAIRS):
            message = pair(index, pix_fmt).frame_pair
            split = scorer.layout.split
            frames += scorer.feed(split(message.raw_reference), split(message.raw_distorted))
        return [frame.vmaf for frame in frames + scorer.finish()]


def test_a_score_over_grpc_is_that_of_the_command(stub: Any, clips: ClipFactory) -> None:
    reference, distorted = clips.moving(), clips.degraded(35)

    answer = stub.Score(
        pb.ScoreRequest(reference=reference.name, distorted=str(distorted)), timeout=TIMEOUT_S
    )

    expected = score(reference, distorted)
    assert answer.score == expected.score
    assert dict(answer.features) == pytest.approx(dict(expected.features), abs=0, rel=0)
    assert "integer_adm2" in answer.features


def test_an_answer_tells_how_it_came_about(stub: Any, clips: ClipFactory) -> None:
    reference, distorted = clips.moving(), clips.degraded(35)
    scoring = ScoringOptions(model="neg", pool=PoolMethod.P5, subsample=3)

    answer = stub.Score(
        pb.ScoreRequest(
            reference=reference.name, distorted=distorted.name, model="neg", pool="p5", subsample=3
        ),
        timeout=TIMEOUT_S,
    )

    expected = score(reference, distorted, scoring=scoring)
    assert answer.score == expected.score
    assert dict(answer.pooled) == asdict(expected.pooled)
    told = (answer.model, answer.model_version, answer.pool, answer.subsample, answer.n_frames)
    assert told == ("vmaf_v0.6.1neg", "0.6.1", "p5", 3, expected.scores.n_frames)
    assert answer.backend == expected.scores.backend
    assert answer.backend_version == expected.scores.backend_version


def test_a_client_from_before_there_were_poolings_gets_the_fields_that_it_knows(
    channel: grpc.Channel, clips: ClipFactory
) -> None:
    """Write and read the messages by hand, by the numbers of the fields of the first version."""
    names = [clips.moving().name.encode(), clips.degraded(35).name.encode()]
    request = b"".join(
        bytes([number << 3 | 2, len(name)]) + name for number, name in enumerate(names, 1)
    )

    call = channel.unary_unary("/vmafx.v1.VmafxScoring/Score", None, None)
    answer = call(request, timeout=TIMEOUT_S)

    expected = score(clips.moving(), clips.degraded(35))
    # Field 1, a double; fields are written in the order of their numbers.
    assert answer[:9] == bytes([1 << 3 | 1]) + struct.pack("<d", expected.score)
    for name, mean in expected.features.items():
        # An entry of field 2: the name and the double.
        entry = bytes([1 << 3 | 2, len(name)]) + name.encode() + bytes([2 << 3 | 1])
        entry += struct.pack("<d", mean)
        assert bytes([2 << 3 | 2, len(entry)]) + entry in answer


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"pool": "p50"}, "not a pooling"), ({"subsample": 2_000_000}, "The subsampling 2000000")],
)
def test_a_pooling_that_there_is_not_is_an_invalid_argument(
    stub: Any, clips: ClipFactory, asked: dict[str, Any], words: str
) -> None:
    name = clips.moving().name
    with pytest.raises(grpc.RpcError) as caught:
        stub.Score(pb.ScoreRequest(reference=name, distorted=name, **asked), timeout=TIMEOUT_S)
    code, details = refused(stub, config(**asked), pair(0))

    error: Any = caught.value
    assert (error.code(), error.details()) == (code, details)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert words in details


def test_a_stream_ends_with_an_answer_of_the_same_shape(stub: Any) -> None:
    asked = config(model="neg", pool="min", subsample=2)

    *frames, last = streamed(stub, asked, *map(pair, range(N_PAIRS)))

    found = [answer.frame_score for answer in frames]
    assert [frame.frame_index for frame in found] == [0, 2, 4]
    total = last.aggregate
    assert total.score == min(frame.score for frame in found) == total.pooled["min"]
    assert total.pooled["mean"] == pytest.approx(fmean(frame.score for frame in found), rel=1e-15)
    assert set(total.pooled) == {field.name for field in fields(PooledScores)}
    assert (total.frames_processed, total.n_frames) == (3, N_PAIRS)
    told = (total.model, total.model_version, total.backend, total.pool, total.subsample)
    assert told == ("vmaf_v0.6.1neg", "0.6.1", "libvmaf", "min", 2)
    assert total.backend_version


def test_a_model_is_taken_by_its_name(stub: Any, clips: ClipFactory) -> None:
    reference, distorted = clips.moving().name, clips.degraded(35).name

    scores = [
        stub.Score(
            pb.ScoreRequest(reference=reference, distorted=distorted, model=model),
            timeout=TIMEOUT_S,
        ).score
        for model in ("", "vmaf_v0.6.1", "vmaf_v0.6.1neg")
    ]

    assert scores[0] == scores[1] > scores[2]


@pytest.mark.parametrize(
    "model", ["/etc/passwd", "../x", "a=b", "version=vmaf_v0.6.1", "x:y", "a\nb", "nonsense", "-x"]
)
def test_a_model_that_is_no_known_name_is_an_invalid_argument(
    stub: Any, clips: ClipFactory, model: str
) -> None:
    request = pb.ScoreRequest(
        reference=clips.moving().name, distorted=clips.moving().name, model=model
    )
    with pytest.raises(grpc.RpcError) as caught:
        stub.Score(request, timeout=TIMEOUT_S)

    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "VMAF model" in error.details()


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("", grpc.StatusCode.INVALID_ARGUMENT),
        ("missing.mp4", grpc.StatusCode.NOT_FOUND),
        ("/etc/passwd", grpc.StatusCode.NOT_FOUND),
        ("text.mp4", grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
def test_a_file_that_cannot_be_used_is_told_without_the_servers_paths(
    stub: Any, clips: ClipFactory, reference: str, code: grpc.StatusCode
) -> None:
    clips.text()
    request = pb.ScoreRequest(reference=reference, distorted=clips.moving().name)

    with pytest.raises(grpc.RpcError) as caught:
        stub.Score(request, timeout=TIMEOUT_S)

    error: Any = caught.value
    assert error.code() is code
    assert reference in error.details()
    assert str(clips.folder) not in error.details()
    assert "/proc" not in error.details()


def test_clips_of_different_lengths_are_named_as_the_client_called_them(
    stub: Any, clips: ClipFactory
) -> None:
    request = pb.ScoreRequest(reference=clips.moving().name, distorted=clips.dropped(3).name)

    with pytest.raises(grpc.RpcError) as caught:
        stub.Score(request, timeout=TIMEOUT_S)

    error: Any = caught.value
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert f"'{clips.moving().name}' has 12 frames" in error.details()


@pytest.mark.parametrize("number", range(1, 7))
def test_a_stream_gives_a_score_for_each_pair_and_their_means(stub: Any, number: int) -> None:
    pix_fmt = PIXEL_FORMATS[number - 1]
    requests = [config(pixel_format=number), *(pair(i, pix_fmt) for i in range(N_PAIRS))]

    *frames, last = streamed(stub, *requests)

    scores = [message.frame_score.score for message in frames]
    assert [message.frame_score.frame_index for message in frames] == list(range(N_PAIRS))
    assert scores == pytest.approx(expected_scores(pix_fmt), abs=1e-9)
    total = last.aggregate
    assert total.frames_processed == N_PAIRS
    assert total.score == pytest.approx(fmean(scores))
    assert total.elapsed_ms > 0
    adm = fmean(message.frame_score.features["integer_adm2"] for message in frames)
    assert total.features["integer_adm2"] == pytest.approx(adm)
    assert total.features.keys() == frames[0].frame_score.features.keys()


def test_a_stream_of_one_pair_is_scored(stub: Any) -> None:
    frame, last = streamed(stub, config(frame_count_hint=1), pair(0))

    assert frame.frame_score.score == last.aggregate.score


def test_a_stream_is_scored_with_the_model_asked_for(stub: Any) -> None:
    requests = [config(model="vmaf_v0.6.1neg"), *(pair(i) for i in range(N_PAIRS))]

    *frames, _last = streamed(stub, *requests)

    scores = [message.frame_score.score for message in frames]
    assert scores == pytest.approx(expected_scores("yuv420p", "vmaf_v0.6.1neg"), abs=1e-9)


def test_scores_come_back_while_pictures_are_still_being_sent(stub: Any) -> None:
    seen = threading.Semaphore(0)

    def requests() -> Iterator[pb.ScoreStreamRequest]:
        yield config()
        for index in range(20):
            if index > 3:
                # Waits for a score that is at most three pairs behind.
                assert seen.acquire(timeout=TIMEOUT_S)
            yield pair(index)

    answers = []
    for answer in stub.ScoreStream(requests(), timeout=TIMEOUT_S):
        answers.append(answer)
        seen.release()

    assert len(answers) == 21


SHORT = render(pictures.moving, 0, SIZE)[:-1]
INVALID: dict[str, tuple[list[pb.ScoreStreamRequest], str]] = {
    "nothing": ([], "The stream is empty."),
    "pair first": ([pair(0)], "The first message of a stream has to be its config."),
    "neither first": ([pb.ScoreStreamRequest()], "The first message"),
    "no pairs": ([config()], "ended without a pair"),
    "two configs": ([config(), config()], "A second config came"),
    "config later": ([config(), pair(0), config()], "A second config came"),
    "neither": ([config(), pb.ScoreStreamRequest()], "neither a config nor a frame pair"),
    "no format": ([config(pixel_format=0)], "0 is not a pixel format"),
    "unknown format": ([config(pixel_format=7)], "7 is not a pixel format"),
    "no size": ([config(width=0)], "0x64 is not a picture size"),
    "huge": ([config(width=2**32 - 1)], "4294967295x64 is not a picture size"),
    "too large": ([config(width=8000, height=8000)], "takes 99532800"),
    "short reference": ([config(), pair(0, raw_reference=SHORT)], "reference picture of frame 0"),
    "long distorted": ([config(), pair(0, raw_distorted=SHORT + b"xx")], "has 9217 bytes, where"),
    "empty picture": ([config(), pair(0, raw_reference=b"")], "has 0 bytes, where"),
    "8 bits for 10": ([config(pixel_format=4), pair(0)], "takes 18432"),
    "late start": ([config(), pair(1)], "The frame index 1 came where 0 was expected"),
    "gap": ([config(), pair(0), pair(2)], "The frame index 2 came where 1 was expected"),
    "repeat": ([config(), pair(0), pair(0)], "The frame index 0 came where 1 was expected"),
    "ends early": ([config(frame_count_hint=3), pair(0)], "after 1 pairs of pictures, where 3"),
    "goes on": ([config(frame_count_hint=1), pair(0), pair(1)], "where 1"),
    "unknown model": ([config(model="nonsense"), pair(0)], "Unknown VMAF model 'nonsense'"),
    "path as model": (
        [config(model="/etc/passwd"), pair(0)],
        "is not a valid name of a VMAF model",
    ),
}


@pytest.mark.parametrize(("requests", "words"), INVALID.values(), ids=INVALID.keys())
def test_a_stream_that_makes_no_sense_is_an_invalid_argument(
    stub: Any, requests: list[pb.ScoreStreamRequest], words: str
) -> None:
    code, sentence = refused(stub, *requests)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert words in sentence


def test_pictures_too_small_for_the_model_are_refused(stub: Any) -> None:
    code, sentence = refused(stub, config(width=16, height=16), pair(0))

    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "too small" in sentence


def test_a_4k_pair_of_the_largest_format_is_taken(stub: Any) -> None:
    picture = bytes(3840 * 2160 * 3 * 2)
    message = pb.FramePair(frame_index=0, raw_reference=picture, raw_distorted=picture)

    *_, last = streamed(
        stub,
        config(width=3840, height=2160, pixel_format=6),
        pb.ScoreStreamRequest(frame_pair=message),
    )

    assert last.aggregate.frames_processed == 1


def test_a_message_over_the_limit_is_refused_by_the_transport(clips: ClipFactory) -> None:
    settings = settings_for(clips.folder, max_frame_bytes=2 * 9216)
    with running_server(settings) as server, grpc.insecure_channel(server.address) as channel:
        stub = stub_of(channel)
        assert len(streamed(stub, config(), pair(0))) == 2

        code, _ = refused(stub, config(), pair(0, raw_reference=bytes(200_000)))

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_client_that_never_reads_is_not_read_from(clips: ClipFactory) -> None:
    sent = 0

    def requests() -> Iterator[pb.ScoreStreamRequest]:
        nonlocal sent
        yield config()
        while True:
            yield pair(0, frame_index=sent)
            sent += 1

    with running_server(settings_for(clips.folder)) as server:
        # Small windows fill at once.
        options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1024)]
        with grpc.insecure_channel(server.address, options=options) as channel:
            call = stub_of(channel).ScoreStream(requests(), timeout=TIMEOUT_S)

            def stalled() -> bool:
                before = sent
                threading.Event().wait(0.5)
                return before == sent > 0

            wait_until(stalled)
            frames = server.sample("vmafx_stream_frames_total")
            call.cancel()

        assert frames <= sent < 5000


def test_calls_without_a_message_hold_up_each_other_and_nobody_else(clips: ClipFactory) -> None:
    held_back = threading.Event()

    def nothing() -> Iterator[pb.ScoreStreamRequest]:
        held_back.wait(TIMEOUT_S)
        yield from ()

    settings = settings_for(clips.folder)
    with running_server(settings) as server, grpc.insecure_channel(server.address) as channel:
        # One channel opens its streams in turn, so that the question comes after all of them.
        silent = [stub_of(channel).ScoreStream(nothing()) for _ in range(3)]
        assert stub_of(channel).Health(pb.HealthRequest(), timeout=TIMEOUT_S).ok
        with pytest.raises(grpc.RpcError) as caught:
            list(silent[0])
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        held_back.set()


def test_a_first_message_that_is_too_long_is_refused(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Score(pb.ScoreRequest(reference="x" * 100_000), timeout=TIMEOUT_S)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "65536" in error.details()


def test_a_stream_without_messages_is_closed_after_the_idle_timeout(clips: ClipFactory) -> None:
    held = threading.Event()

    def requests(*messages: pb.ScoreStreamRequest) -> Iterator[pb.ScoreStreamRequest]:
        yield from messages
        held.wait(TIMEOUT_S)

    settings = settings_for(clips.folder, stream_idle_timeout_s=0.3)
    with running_server(settings) as server, grpc.insecure_channel(server.address) as channel:
        for messages in ([], [config()], [config(), pair(0)]):
            with pytest.raises(grpc.RpcError) as caught:
                list(stub_of(channel).ScoreStream(requests(*messages), timeout=TIMEOUT_S))
            error: Any = caught.value
            assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert "No message came for 0.3 s" in error.details()
        held.set()


class Held:
    """A scorer that works until it is let go or cancelled."""

    def __init__(self) -> None:
        self.running = 0
        self.cancelled = 0
        self.go = threading.Event()

    def __call__(self, _ref: Path, _dist: Path, _scoring: object, cancel: CancelToken) -> Scored:
        self.running += 1
        with cancel.calling(self.go.set):
            self.go.wait(TIMEOUT_S)
        self.running -= 1
        self.cancelled += cancel.cancelled
        cancel.raise_if_cancelled()
        return Scored(50.0, {"x": 1.0})


@pytest.fixture
def held() -> Held:
    return Held()


def a_score(clips: ClipFactory) -> pb.ScoreRequest:
    return pb.ScoreRequest(reference=clips.moving().name, distorted=clips.moving().name)


def test_a_client_that_leaves_cancels_its_score(clips: ClipFactory, held: Held) -> None:
    with (
        running_server(settings_for(clips.folder), held) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        call = stub_of(channel).Score.future(a_score(clips), timeout=TIMEOUT_S)
        wait_until(lambda: held.running == 1)

        call.cancel()

        wait_until(lambda: held.cancelled == 1)
        wait_until(lambda: server.service.admission.running == 0)
        assert server.sample("vmafx_server_score_errors_total") == 1


def test_a_client_that_asks_during_a_long_score_whether_the_server_is_there_keeps_its_call(
    clips: ClipFactory, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_app, "_LEAST_PING_INTERVAL_MS", 100)
    # Without a policy of its own, a server ends the connection at the third ping, after 3 s: no
    # client sends more than one a second.
    often = [("grpc.keepalive_time_ms", 300), ("grpc.http2.max_pings_without_data", 0)]
    with (
        running_server(settings_for(clips.folder), held) as server,
        grpc.insecure_channel(server.address, options=often) as channel,
    ):
        call = stub_of(channel).Score.future(a_score(clips), timeout=TIMEOUT_S)
        with pytest.raises(grpc.FutureTimeoutError):
            call.result(timeout=5)

        held.go.set()

        assert call.result().score == 50


def test_a_client_that_leaves_a_stream_frees_its_slot(server: RunningServer, stub: Any) -> None:
    held_back = threading.Event()

    def requests() -> Iterator[pb.ScoreStreamRequest]:
        yield from (config(), pair(0))
        held_back.wait(TIMEOUT_S)

    call = stub.ScoreStream(requests(), timeout=TIMEOUT_S)
    wait_until(lambda: server.service.stream_admission.running == 1)

    call.cancel()

    wait_until(lambda: server.service.stream_admission.running == 0)
    held_back.set()


def test_streams_take_no_slot_from_files(clips: ClipFactory) -> None:
    held_back = threading.Event()

    def slow() -> Iterator[pb.ScoreStreamRequest]:
        yield from (config(), pair(0))
        held_back.wait(TIMEOUT_S)

    settings = settings_for(
        clips.folder, max_concurrent_scores=1, max_streams=1, max_queued_scores=0
    )
    answer = Scored(50.0, {})
    with (
        running_server(settings, lambda *_: answer) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stream = stub_of(channel).ScoreStream(slow(), timeout=TIMEOUT_S)
        wait_until(lambda: server.service.stream_admission.running == 1)
        assert stub_of(channel).Score(a_score(clips), timeout=TIMEOUT_S).score == 50
        assert refused(stub_of(channel), config())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        stream.cancel()
        held_back.set()


def test_a_deadline_ends_the_work(clips: ClipFactory, held: Held) -> None:
    settings = settings_for(clips.folder, request_timeout_s=0.2)
    with running_server(settings, held) as server, grpc.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            stub_of(channel).Score(a_score(clips), timeout=TIMEOUT_S)

        error: Any = caught.value
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert error.details() == "The score was not done within 0.2 s and was stopped."
        assert held.cancelled == 1


def test_a_client_beyond_the_queue_is_told_when_to_come_back(
    clips: ClipFactory, held: Held
) -> None:
    settings = settings_for(clips.folder, max_concurrent_scores=1, max_queued_scores=1)
    with running_server(settings, held) as server, grpc.insecure_channel(server.address) as channel:
        stub = stub_of(channel)
        calls = [stub.Score.future(a_score(clips), timeout=TIMEOUT_S) for _ in range(2)]
        wait_until(lambda: server.service.admission.queued == 1)

        with pytest.raises(grpc.RpcError) as caught:
            stub.Score(a_score(clips), timeout=TIMEOUT_S)

        held.go.set()
        assert [call.result().score for call in calls] == [50.0, 50.0]
        assert server.sample("vmafx_server_score_requests_total") == 3
        assert server.sample("vmafx_server_score_errors_total") == 1
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailing = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.seconds >= 1


def test_a_backend_that_fails_is_internal_and_the_next_call_works(clips: ClipFactory) -> None:
    outcomes: list[Scored | Exception] = [
        ZeroDivisionError("at /srv/secret"),
        Scored(50.0, {}),
    ]

    def scorer(*_: object) -> Scored:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    settings = settings_for(clips.folder)
    with running_server(settings, scorer) as server, grpc.insecure_channel(server.address) as chan:
        with pytest.raises(grpc.RpcError) as caught:
            stub_of(chan).Score(a_score(clips), timeout=TIMEOUT_S)
        assert stub_of(chan).Score(a_score(clips), timeout=TIMEOUT_S).score == 50
        assert server.sample("vmafx_server_score_errors_total") == 1
        (line,) = [line for line in server.log_lines if line["level"] == "error"]
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in error.details()
    assert line["error"] == "ZeroDivisionError: at /srv/secret"
    assert line["traceback"].startswith("Traceback")
    assert line["status"] == "INTERNAL"


def test_the_request_id_comes_from_the_client_and_goes_back_and_into_the_log(
    server: RunningServer, stub: Any
) -> None:
    _, call = stub.Health.with_call(
        pb.HealthRequest(), metadata=(("x-request-id", "my-id"),), timeout=TIMEOUT_S
    )

    assert dict(call.initial_metadata())["x-request-id"] == "my-id"
    wait_until(lambda: any(line.get("request_id") == "my-id" for line in server.log_lines))
    (line,) = [line for line in server.log_lines if line.get("request_id") == "my-id"]
    assert line["status"] == "OK"
    assert line["rpc"] == "Health"
    assert line["duration_s"] >= 0


def test_a_request_without_an_id_gets_one(stub: Any) -> None:
    _, call = stub.Health.with_call(pb.HealthRequest(), timeout=TIMEOUT_S)

    assert len(dict(call.initial_metadata())["x-request-id"]) == 32


def test_health_says_whether_work_is_welcome(clips: ClipFactory) -> None:
    settings = settings_for(clips.folder)
    with running_server(settings) as server, grpc.insecure_channel(server.address) as channel:
        stub = stub_of(channel)
        assert stub.Health(pb.HealthRequest()) == pb.HealthResponse(ok=True, message="ready")

        server.drain()

        assert stub.Health(pb.HealthRequest()) == pb.HealthResponse(ok=False, message="draining")


@pytest.mark.parametrize("service", ["", "vmafx.v1.VmafxScoring"])
def test_the_standard_health_service_knows_the_server_and_the_scorer(
    channel: grpc.Channel, service: str
) -> None:
    health: Any = health_pb2_grpc
    stub = health.HealthStub(channel)

    answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_standard_health_service_knows_no_other(channel: grpc.Channel) -> None:
    health: Any = health_pb2_grpc
    stub = health.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="other")

    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(request, timeout=TIMEOUT_S)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.NOT_FOUND

    watch = stub.Watch(request, timeout=TIMEOUT_S)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


def test_a_drain_ends_watches_and_idle_streams_at_once(clips: ClipFactory) -> None:
    held_back = threading.Event()

    def requests(*messages: pb.ScoreStreamRequest) -> Iterator[pb.ScoreStreamRequest]:
        yield from messages
        held_back.wait(TIMEOUT_S)

    health: Any = health_pb2_grpc
    settings = settings_for(clips.folder)
    with running_server(settings) as server, grpc.insecure_channel(server.address) as channel:
        watch = health.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        begun = stub_of(channel).ScoreStream(requests(config(), pair(0)))
        wait_until(lambda: server.sample("vmafx_stream_frames_total") == 1)
        without_config = stub_of(channel).ScoreStream(requests())
        without_config.initial_metadata()

        server.drain()

        statuses = [answer.status for answer in watch]
        assert statuses == [health_pb2.HealthCheckResponse.NOT_SERVING]
        for call in (without_config, begun):
            with pytest.raises(grpc.RpcError) as caught:
                list(call)
            error: Any = caught.value
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert "shutting down" in error.details()
        wait_until(lambda: server.service.stream_admission.running == 0)
        held_back.set()


def test_a_stream_with_work_is_finished_during_a_drain_and_a_new_one_refused(
    clips: ClipFactory,
) -> None:
    settings = settings_for(clips.folder)
    with running_server(settings) as server, grpc.insecure_channel(server.address) as channel:
        draining = threading.Event()

        def requests() -> Iterator[pb.ScoreStreamRequest]:
            yield from (config(), pair(0))
            draining.wait(TIMEOUT_S)
            yield from (pair(index) for index in range(1, N_PAIRS))

        call = stub_of(channel).ScoreStream(requests(), timeout=TIMEOUT_S)
        wait_until(lambda: server.sample("vmafx_stream_frames_total") == 1)
        server.drain()
        draining.set()

        assert list(call)[-1].aggregate.frames_processed == N_PAIRS
        assert refused(stub_of(channel), config(), pair(0))[0] is grpc.StatusCode.UNAVAILABLE


def test_work_that_is_stopped_is_told_that_the_server_shuts_down(
    clips: ClipFactory, held: Held
) -> None:
    with (
        running_server(settings_for(clips.folder), held) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        call = stub_of(channel).Score.future(a_score(clips), timeout=TIMEOUT_S)
        wait_until(lambda: held.running == 1)

        server.call(server.service.stop)

        assert call.exception().code() is grpc.StatusCode.UNAVAILABLE


def reflected(channel: grpc.Channel, version: str, **request: Any) -> Any:
    ask: Any = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    (answer,) = ask(iter([reflection_pb2.ServerReflectionRequest(**request)]), timeout=TIMEOUT_S)
    return answer


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_describes_the_service(channel: grpc.Channel, version: str) -> None:
    listed = reflected(channel, version, list_services="")
    names = {service.name for service in listed.list_services_response.service}
    assert {"vmafx.v1.VmafxScoring", "grpc.health.v1.Health"} <= names

    found = reflected(channel, version, file_containing_symbol="vmafx.v1.VmafxScoring")
    assert pb.DESCRIPTOR.serialized_pb in found.file_descriptor_response.file_descriptor_proto


@pytest.mark.parametrize(
    "method",
    [
        "/vmafx.v1.VmafxScoring/Nonsense",
        "/other.Service/Score",
        "/x",
        "/",
        "//",
        "/vmafx.v1.VmafxScoring",
    ],
)
def test_a_method_that_is_not_there_is_unimplemented(channel: grpc.Channel, method: str) -> None:
    anything: Any = channel
    ask = anything.unary_unary(method)
    with pytest.raises(grpc.RpcError) as caught:
        ask(b"", timeout=TIMEOUT_S)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "method",
    [
        "vmafx.v1.VmafxScoring/Score",
        "vmafx.v1.VmafxScoring/ScoreStream",
        "vmafx.v1.VmafxScoring/Health",
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/Watch",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ],
)
def test_what_is_no_message_is_an_invalid_argument_and_leaves_no_line_but_the_logs_own(
    channel: grpc.Channel, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    anything: Any = channel
    with pytest.raises(grpc.RpcError) as caught:
        list(anything.stream_stream(f"/{method}")(iter([b"\xff"]), timeout=TIMEOUT_S))
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().startswith("The request is not a message of the method's type.")
    assert not caplog.records


def test_a_server_with_a_token_lets_in_who_has_it_and_probes(clips: ClipFactory) -> None:
    health: Any = health_pb2_grpc
    settings = settings_for(clips.folder, api_token="right")
    with running_server(settings) as server, grpc.insecure_channel(server.address) as channel:
        stub = stub_of(channel)
        right, wrong = (("authorization", f"Bearer {word}") for word in ("right", "wrong"))
        assert stub.Health(pb.HealthRequest(), metadata=(right,)).ok
        health.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        calls: Iterable[Any] = (
            lambda: stub.Health(pb.HealthRequest()),
            lambda: stub.Health(pb.HealthRequest(), metadata=(wrong,)),
            lambda: stub.Score(a_score(clips)),
            lambda: streamed(stub, config(), pair(0)),
            lambda: reflected(channel, "v1", list_services=""),
        )
        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                call()
            error: Any = caught.value
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED


def test_two_servers_do_not_share_a_port(server: RunningServer, clips: ClipFactory) -> None:
    from vmafx_tune.errors import ServiceError

    port = int(server.address.rpartition(":")[2])
    settings = replace(settings_for(clips.folder), grpc_port=port)

    with (
        pytest.raises(ServiceError, match=f"cannot have 127.0.0.1:{port}"),
        running_server(settings),
    ):
        pass
