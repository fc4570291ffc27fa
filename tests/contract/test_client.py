"""The client class: answers and errors of a real server, as a caller sees them."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import pictures
from tests.support.certificates import make_certificate
from tests.support.grpc_server import running_server, settings_for
from tests.support.pictures import render
from tests.support.programs import wait_until
from vmafx_tune import errors, score
from vmafx_tune.client import (
    Aggregate,
    FramePair,
    FrameScore,
    ScoringClient,
    StreamConfig,
)
from vmafx_tune.model import PoolMethod, Resolution
from vmafx_tune.options import ScoringOptions
from vmafx_tune.server.scorer import Scored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.grpc_server import RunningServer

SIZE = Resolution(96, 64)
CONFIG = StreamConfig(SIZE.width, SIZE.height, "yuv420p")


@pytest.fixture(scope="module")
def server(clips: ClipFactory) -> Iterator[RunningServer]:
    with running_server(settings_for(clips.folder)) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[ScoringClient]:
    with ScoringClient(server.address, timeout_s=120) as client:
        yield client


def pair(index: int) -> FramePair:
    return FramePair(
        index,
        render(pictures.moving, index, SIZE),
        render(pictures.moving, index + 1, SIZE),
    )


def test_a_score_comes_with_features_and_a_request_id(
    client: ScoringClient, clips: ClipFactory
) -> None:
    answer = client.score(clips.moving().name, clips.degraded(35).name)

    expected = score(clips.moving(), clips.degraded(35))
    assert answer.score == expected.score
    assert answer.features == expected.features
    assert len(answer.request_id) == 32


def test_a_score_is_pooled_as_it_is_asked_for(client: ScoringClient, clips: ClipFactory) -> None:
    names = clips.moving().name, clips.degraded(35).name
    answer = client.score(*names, pool=PoolMethod.P10, subsample=2)

    scoring = ScoringOptions(pool=PoolMethod.P10, subsample=2)
    expected = score(clips.moving(), clips.degraded(35), scoring=scoring)
    assert answer.score == expected.score == answer.pooled["p10"]
    assert answer.pooled == asdict(expected.pooled)
    assert (answer.model, answer.n_frames) == (expected.model, expected.scores.n_frames)


def test_a_stream_is_pooled_as_it_is_asked_for(client: ScoringClient) -> None:
    config = replace(CONFIG, pool="min", subsample=2)
    *_, total = client.score_frames(config, (pair(index) for index in range(5)))

    assert isinstance(total, Aggregate)
    assert total.score == total.pooled["min"]
    assert (total.frames_processed, total.n_frames, total.subsample) == (3, 5, 2)


@pytest.mark.parametrize("asked", [{"pool": PoolMethod.P5}, {"subsample": 2}])
def test_the_mean_of_a_server_that_knows_nothing_else_is_not_taken_for_another_pooling(
    clips: ClipFactory, asked: dict[str, Any]
) -> None:
    """A server of an earlier version skips the fields that it does not know."""

    def scorer(*_: object) -> Scored:
        return Scored(50.0, {}, pool="", subsample=0)

    name = clips.moving().name
    with (
        running_server(settings_for(clips.folder), scorer) as server,
        ScoringClient(server.address) as client,
    ):
        assert client.score(name, name).pool == "mean"
        with pytest.raises(errors.ServiceError, match="only pools all frames by their mean"):
            client.score(name, name, **asked)


def test_a_subsampling_that_makes_no_sense_is_a_mistake(client: ScoringClient) -> None:
    with pytest.raises(errors.UsageError, match="-1 is not from 1 to"):
        client.score("a", "b", subsample=-1)


def test_frames_are_scored_while_they_are_made(client: ScoringClient) -> None:
    *frames, total = client.score_frames(CONFIG, (pair(index) for index in range(5)))

    assert all(isinstance(frame, FrameScore) for frame in frames)
    assert [frame.index for frame in frames if isinstance(frame, FrameScore)] == list(range(5))
    assert isinstance(total, Aggregate)
    assert total.frames_processed == 5


def test_what_the_maker_of_the_frames_raises_reaches_the_caller(client: ScoringClient) -> None:
    def broken() -> Iterator[FramePair]:
        yield pair(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.score_frames(CONFIG, broken()))


def test_leaving_a_stream_cancels_it(server: RunningServer, client: ScoringClient) -> None:
    released = threading.Event()

    def endless() -> Iterator[FramePair]:
        yield from (pair(index) for index in range(5))
        released.wait(60)

    answers = client.score_frames(CONFIG, endless())
    assert isinstance(next(answers), FrameScore)
    del answers

    wait_until(lambda: server.service.stream_admission.running == 0)
    released.set()


def test_health_is_told(client: ScoringClient) -> None:
    health = client.health()
    assert (health.ok, health.message) == (True, "ready")


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        (StreamConfig(96, 64, "yuv411p"), errors.InvalidFrameError, "0 is not a pixel format"),
        (StreamConfig(96, 62, "yuv420p"), errors.InvalidFrameError, "has 9216 bytes"),
        (StreamConfig(96, 64, "yuv420p", frame_count_hint=2), errors.InvalidFrameError, "after 1"),
        (StreamConfig(96, 64, "yuv420p", model="x"), errors.UsageError, "Unknown VMAF model 'x'"),
        (StreamConfig(8, 8, "yuv420p"), errors.ScoringError, "too small"),
    ],
)
def test_errors_of_a_stream_keep_their_kind(
    client: ScoringClient, config: StreamConfig, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        list(client.score_frames(config, [pair(0)]))


RAISED = [
    (errors.UsageError("No."), errors.UsageError, "^No.$"),
    (errors.UnreadableSourceError("No."), errors.UnreadableSourceError, "^No.$"),
    (
        errors.FrameCountMismatchError("a", 1, "b", 2),
        errors.MediaError,
        "the reference 'a' has 1 frame",
    ),
    (errors.ModelNotFoundError("No."), errors.ModelNotFoundError, "does not have that VMAF model"),
    (errors.BusyError("No.", retry_after_s=2.5), errors.BusyError, "^No.$"),
    (errors.ToolNotFoundError("/bin/x"), errors.ToolNotFoundError, "cannot be used at present"),
    (errors.EncodeFailedError("/bin/x"), errors.ServiceError, "The request id is [0-9a-f]{32}"),
    (errors.LibvmafCallError("vmaf_init", -12), errors.ServiceError, "The request id is"),
    (ZeroDivisionError("/bin/x"), errors.ServiceError, "The request id is"),
]


@pytest.mark.parametrize(("raised", "error", "words"), RAISED, ids=lambda x: type(x).__name__)
def test_errors_of_a_score_keep_their_kind_as_far_as_it_is_public(
    clips: ClipFactory, raised: Exception, error: type[Exception], words: str
) -> None:
    def scorer(*_: object) -> Scored:
        raise raised

    name = clips.moving().name
    with (
        running_server(settings_for(clips.folder), scorer) as server,
        ScoringClient(server.address) as client,
        pytest.raises(error, match=words) as caught,
    ):
        client.score(name, name)
    assert "/bin/x" not in str(caught.value)
    if isinstance(caught.value, errors.BusyError):
        assert caught.value.retry_after_s == 2.5


def test_a_file_that_may_not_be_read_is_told_as_such(client: ScoringClient) -> None:
    with pytest.raises(errors.MediaNotAllowedError, match="'/etc/passwd' is not a file"):
        client.score("/etc/passwd", "/etc/passwd")


def test_a_clients_own_timeout_is_a_deadline(clips: ClipFactory) -> None:
    release = threading.Event()

    def scorer(*_: object) -> Scored:
        release.wait(60)
        return Scored(1, {})

    name = clips.moving().name
    with running_server(settings_for(clips.folder), scorer) as server:
        with (
            ScoringClient(server.address, timeout_s=0.5) as client,
            pytest.raises(errors.DeadlineError),
        ):
            client.score(name, name)
        release.set()


def test_the_token_is_sent(clips: ClipFactory) -> None:
    with running_server(settings_for(clips.folder, api_token="right")) as server:
        with ScoringClient(server.address, token="right") as client:
            assert client.health().ok
        for token in (None, "wrong"):
            with (
                ScoringClient(server.address, token=token) as client,
                pytest.raises(errors.UnauthenticatedError, match="wants a token"),
            ):
                client.health()


def test_over_tls_the_server_is_trusted_by_the_authority_that_is_named(
    clips: ClipFactory, tmp_path: Path
) -> None:
    made = make_certificate(tmp_path)
    settings = settings_for(clips.folder, tls_cert=made.cert, tls_key=made.key)
    with running_server(settings) as server:
        with ScoringClient(server.address, tls_ca=made.cert, timeout_s=120) as client:
            assert client.health().ok
        for address in (server.address, f"grpcs://{server.address}"):
            with (
                ScoringClient(address, timeout_s=120) as client,
                pytest.raises(errors.ServerUnreachableError, match="whether it uses TLS"),
            ):
                client.health()


def test_a_certificate_that_is_none_is_refused_at_the_start(
    clips: ClipFactory, tmp_path: Path
) -> None:
    made = make_certificate(tmp_path)
    made.cert.write_text("nonsense")
    settings = settings_for(clips.folder, tls_cert=made.cert, tls_key=made.key)

    with pytest.raises(errors.UsageError, match=r"cert\.pem"), running_server(settings):
        pass


def test_authorities_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="cannot be read"):
        ScoringClient("localhost:1", tls_ca=tmp_path / "none.pem")


def test_an_address_where_nobody_listens_is_named() -> None:
    with (
        ScoringClient("127.0.0.1:1") as client,
        pytest.raises(errors.ServerUnreachableError, match=r"answers at 127\.0\.0\.1:1 "),
    ):
        client.health()


@pytest.mark.parametrize("address", ["", "host", ":50051", "host:", "host:http", "ftp://host:1x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(errors.UsageError, match="Write it as HOST:PORT"):
        ScoringClient(address)
