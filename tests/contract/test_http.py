"""What clients of the HTTP side can rely on: routes, statuses, headers and logs."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_server import (
    PATIENCE_S,
    RawClient,
    Running,
    ask,
    ask_score,
    running_server,
)
from vmafx_tune import errors
from vmafx_tune.choices import PoolMethod
from vmafx_tune.options import ScoringOptions
from vmafx_tune.server.http_server import start_http
from vmafx_tune.server.logs import JsonLog
from vmafx_tune.server.metrics import Metrics
from vmafx_tune.server.openapi import OPERATIONS
from vmafx_tune.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmafx_tune.server.openapi import Operation

ROUTES = [operation.path for operation in OPERATIONS]
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
SECRET_PATH = "/srv/secret/clip.mp4"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("ref.y4m", "dist.y4m"):
        (tmp_path / name).write_bytes(b"YUV4MPEG2")
    return tmp_path


@pytest.fixture
def server(root: Path) -> Iterator[Running]:
    with running_server(root) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "document"),
    [("/healthz", {"status": "ok"}), ("/readyz", {"status": "ready"})],
)
def test_probes_answer_with_a_plain_document(server: Running, path: str, document: Any) -> None:
    answer = ask(server.port, path)
    assert (answer.status, answer.json()) == (200, document)
    assert answer.headers["content-type"] == "application/json"


def test_a_client_of_the_standard_library_is_served(server: Running) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz") as response:
        assert json.load(response) == {"status": "ok"}


def test_a_server_that_is_not_ready_says_why_and_lives(server: Running) -> None:
    server.call(server.service.mark_ready, "the scorer is missing")
    answer = ask(server.port, "/readyz")
    assert answer.status == 503
    assert answer.json() == {"status": "not ready", "reason": "the scorer is missing"}
    assert ask(server.port, "/healthz").status == 200


def test_a_score_has_the_pooled_value_and_the_features(server: Running, root: Path) -> None:
    answer = ask_score(server.port)
    assert answer.status == 200
    assert answer.json() == {
        "score": 93.25,
        "features": {"vmaf_motion": 1.5},
        "model": "vmaf_v0.6.1",
        "model_version": "0.6.1",
        "backend": "ffmpeg",
        "backend_version": "3.2.0",
        "n_frames": 48,
        "pool": "mean",
        "subsample": 1,
        "pooled": {"mean": 93.25, "min": 90.5},
    }
    ((reference, distorted, scoring),) = server.scorer.calls
    assert reference != distorted
    assert scoring == ScoringOptions()


def test_a_score_takes_a_pooling_and_a_subsampling(server: Running) -> None:
    names = {"reference": "ref.y4m", "distorted": "dist.y4m"}
    assert ask_score(server.port, {**names, "pool": "p5", "subsample": 2}).status == 200
    assert server.scorer.calls[0][2] == ScoringOptions(pool=PoolMethod.P5, subsample=2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("pool", value) for value in ("", "p50", "MEAN", 5, None)),
        *(("subsample", value) for value in (0, -1, 1.5, 1_000_001, "2", True, None)),
    ],
)
def test_a_pooling_or_subsampling_that_there_is_not_is_refused(
    server: Running, field: str, value: object
) -> None:
    names = {"reference": "ref.y4m", "distorted": "dist.y4m"}
    answer = ask_score(server.port, {**names, field: value})
    assert answer.status == 422
    assert f"'{field}' has to be" in answer.error
    assert server.scorer.calls == []


def test_a_score_takes_a_model_by_name(server: Running) -> None:
    document = {"reference": "ref.y4m", "distorted": "dist.y4m", "model": "vmaf_v0.6.1neg"}
    assert ask_score(server.port, document).status == 200
    assert server.scorer.calls[0][2].model == "vmaf_v0.6.1neg"


@pytest.mark.parametrize("model", ["../model", "path=/etc/passwd", "version:x", "nonsense"])
def test_a_model_that_is_not_on_the_list_is_a_bad_request(server: Running, model: str) -> None:
    document = {"reference": "ref.y4m", "distorted": "dist.y4m", "model": model}
    assert ask_score(server.port, document).status == 400
    assert server.scorer.calls == []


def test_missing_and_forbidden_files_are_not_told_apart(server: Running) -> None:
    answers = [
        ask_score(server.port, {"reference": name, "distorted": "dist.y4m"})
        for name in ("nowhere.mp4", "/etc/passwd")
    ]
    assert [answer.status for answer in answers] == [404, 404]
    one, other = (answer.error for answer in answers)
    assert one.replace("nowhere.mp4", "/etc/passwd") == other


def test_metrics_count_scores_failures_and_probes(server: Running) -> None:
    ask_score(server.port)
    ask_score(server.port, {"reference": "nowhere", "distorted": "nowhere"})
    ask(server.port, "/healthz")
    ask(server.port, "/readyz", method="HEAD")
    answer = ask(server.port, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = dict(
        line.rsplit(" ", 1)
        for line in answer.body.decode().splitlines()
        if not line.startswith("#")
    )
    assert samples["vmafx_server_score_requests_total"] == "2.0"
    assert samples["vmafx_server_score_errors_total"] == "1.0"
    assert samples["vmafx_server_health_requests_total"] == "1.0"
    assert samples["vmafx_server_ready_requests_total"] == "1.0"
    assert samples["vmafx_server_score_duration_seconds_count"] == "1.0"


def test_metrics_say_nothing_of_paths_or_request_ids(server: Running) -> None:
    ask_score(server.port, x_request_id="job-17")
    body = ask(server.port, "/metrics").body
    assert b"job-17" not in body
    assert b"ref.y4m" not in body


@pytest.mark.parametrize("path", [path for path in ROUTES if path != "/v1/score"])
def test_head_gives_the_headers_of_get_without_a_body(server: Running, path: str) -> None:
    ask(server.port, path)
    get, head = (ask(server.port, path, method=method) for method in ("GET", "HEAD"))
    # The metrics have grown by then.
    changing = {"date", "x-request-id", *({"content-length"} if path == "/metrics" else ())}
    kept = [{k: v for k, v in a.headers.items() if k not in changing} for a in (get, head)]
    assert kept[0] == kept[1]
    assert (get.status, head.status, head.body) == (200, 200, b"")


@pytest.mark.parametrize(
    ("operation", "method"),
    [
        (operation, method)
        for operation in OPERATIONS
        for method in METHODS
        if method not in operation.methods
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_another_method_is_refused_with_those_that_are_allowed(
    server: Running, operation: Operation, method: str
) -> None:
    answer = ask(server.port, operation.path, method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == ", ".join(operation.methods)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nowhere",
        "/healthz/",
        "//healthz",
        "/./healthz",
        "/x/../healthz",
        "/%68ealthz",
        "/healthz%00",
        "/healthz%2f",
        "/healthz%20",
        "/v1%2Fscore",
        "/v1/score;x",
        "/HEALTHZ",
        "/%",
        "*",
    ],
)
def test_a_path_is_taken_literally(server: Running, path: str) -> None:
    answer = ask(server.port, path)
    assert answer.status in {400, 404}
    assert answer.error


def test_a_query_and_the_absolute_form_make_no_difference(server: Running) -> None:
    assert ask(server.port, "/healthz?verbose=1&x=%00").status == 200
    assert ask(server.port, "http://test/healthz?verbose=1").status == 200
    assert ask(server.port, "http://test").status == 404


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (errors.UnreadableSourceError("'ref.y4m' is empty."), 422, "'ref.y4m' is empty."),
        (errors.FrameCountMismatchError("ref.y4m", 3, "dist.y4m", 2), 422, "Frame counts differ"),
        (errors.ModelNotFoundError(f"No model at {SECRET_PATH}"), 400, "model"),
        (errors.ToolError(f"ffmpeg {SECRET_PATH} failed", stderr_tail=SECRET_PATH), 500, "log"),
        (errors.ToolNotFoundError(f"No ffmpeg at {SECRET_PATH}"), 503, "scorer"),
        (RuntimeError(SECRET_PATH), 500, "log"),
        (KeyError(SECRET_PATH), 500, "log"),
        (OSError(2, "No such file", SECRET_PATH), 500, "log"),
        (RecursionError(SECRET_PATH), 500, "log"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_is_told_without_internals(
    server: Running, error: Exception, status: int, says: str
) -> None:
    server.scorer.error = error
    answer = ask_score(server.port)
    assert answer.status == status
    assert says in answer.error
    assert SECRET_PATH not in answer.error
    assert "Traceback" not in answer.error
    assert ask(server.port, "/healthz").status == 200


def test_the_log_has_the_reason_by_the_request_id(server: Running) -> None:
    server.scorer.error = RuntimeError("the reason")
    request_id = ask_score(server.port).headers["x-request-id"]
    (line,) = [line for line in server.lines() if line["request_id"] == request_id]
    assert line["level"] == "error"
    assert line["route"] == "/v1/score"
    assert line["error"] == "RuntimeError: the reason"
    assert line["traceback"].startswith("Traceback")
    assert line["duration_s"] >= 0


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (errors.UsageError("bad"), "warning"),
        (errors.DrainingError(), "warning"),
        (errors.ToolError("bad"), "error"),
    ],
)
def test_level_and_count_of_a_failure_say_whose_fault_it_is(
    server: Running, error: Exception, level: str
) -> None:
    server.scorer.error = error
    request_id = ask_score(server.port).headers["x-request-id"]
    (line,) = [line for line in server.lines() if line["request_id"] == request_id]
    assert line["level"] == level
    assert "traceback" not in line
    failures = f"vmafx_server_score_failures_total {float(level == 'error')}\n"
    assert failures in ask(server.port, "/metrics").body.decode()


def test_a_score_that_is_answered_is_logged_with_its_model(server: Running) -> None:
    document = {"reference": "ref.y4m", "distorted": "dist.y4m", "model": "vmaf_v0.6.1"}
    ask_score(server.port, document, x_request_id="job-17")
    (line,) = [line for line in server.lines() if line["route"] == "/v1/score"]
    assert (line["request_id"], line["status"], line["model"]) == ("job-17", 200, "vmaf_v0.6.1")


def test_a_request_id_comes_back_or_is_made(server: Running) -> None:
    assert ask(server.port, "/healthz", headers={"X-Request-ID": "a-1"}).headers[
        "x-request-id"
    ] == ("a-1")
    made = {
        ask(server.port, "/healthz", headers={"X-Request-ID": bad}).headers["x-request-id"]
        for bad in ("a b", "x" * 129, "\xe9", "<script>")
    }
    assert len(made) == 4
    assert all(len(request_id) == 32 for request_id in made)


def test_a_log_line_cannot_be_forged(server: Running) -> None:
    ask_score(server.port, {"reference": 'a\n{"level": "error"}', "distorted": "b"})
    assert all(line["msg"] == "answered" for line in server.lines())


def test_every_answer_forbids_guessing_its_type_and_keeping_it(server: Running) -> None:
    for path in (*ROUTES, "/nowhere"):
        headers = ask(server.port, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_a_full_queue_is_too_many_requests_with_a_time_to_come_back(root: Path) -> None:
    with running_server(root, max_queued_scores=0) as server:
        server.scorer.held = True
        with RawClient(server.port) as first:
            first.send(score_request())
            assert server.scorer.started.acquire(timeout=PATIENCE_S)
            answer = ask_score(server.port)
            assert answer.status == 429
            assert int(answer.headers["retry-after"]) >= 1
            assert ask(server.port, "/readyz").status == 200
            server.scorer.released.set()
            assert first.answer().status == 200


def test_a_score_past_its_deadline_is_a_gateway_timeout(root: Path) -> None:
    with running_server(root, request_timeout_s=0.05) as server:
        server.scorer.held = True
        assert ask_score(server.port).status == 504
        assert server.scorer.cancelled.acquire(timeout=PATIENCE_S)


def test_a_drain_refuses_scores_shows_in_readiness_and_closes_connections(
    server: Running,
) -> None:
    server.scorer.held = True
    with RawClient(server.port) as running, RawClient(server.port) as probe:
        running.send(score_request())
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
        server.call(server.service.begin_drain)
        ready = probe.send(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").answer()
        assert (ready.status, ready.headers["connection"]) == (503, "close")
        refused = ask_score(server.port)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert ask(server.port, "/healthz").status == 200
        server.scorer.released.set()
        assert running.answer().status == 200


def test_a_token_is_wanted_for_all_but_probes_and_documentation(root: Path) -> None:
    with running_server(root, api_token="s3cret") as server:
        for operation in OPERATIONS:
            answer = ask(server.port, operation.path, method=operation.methods[0])
            assert (answer.status == 401) == operation.guarded
        assert {operation.path for operation in OPERATIONS if operation.guarded} == {
            "/metrics",
            "/v1/score",
        }


@pytest.mark.parametrize(
    "given", [{}, *({"authorization": text} for text in ("Bearer wrong", "s3cret", "Basic s3cret"))]
)
def test_a_wrong_token_is_challenged_before_the_body_is_looked_at(
    root: Path, given: dict[str, str]
) -> None:
    with running_server(root, api_token="s3cret") as server:
        answer = ask_score(server.port, body=b"no json", **given)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "s3cret" not in answer.error


def test_the_right_token_opens(root: Path) -> None:
    with running_server(root, api_token="s3cret") as server:
        assert ask_score(server.port, authorization="Bearer s3cret").status == 200
        assert ask_score(server.port, authorization="bearer s3cret").status == 200
        assert "s3cret" not in server.log.getvalue()


def test_a_page_of_documentation_loads_nothing_and_runs_nothing(server: Running) -> None:
    answer = ask(server.port, "/docs")
    page = answer.body.decode()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for word in ("<script", "http://", "https://", "src=", "@import", "url("):
        assert word not in page
    assert all(path in page for path in ROUTES)


def test_a_port_that_is_taken_is_named(server: Running, root: Path) -> None:
    settings = ServerSettings(port=server.port, media_roots=(root,))

    async def second() -> None:
        await start_http(server.service, settings, JsonLog(), Metrics())

    with pytest.raises(errors.ServiceError, match=f"port {server.port}"):
        server.in_loop(second())


def score_request() -> bytes:
    body = b'{"reference": "ref.y4m", "distorted": "dist.y4m"}'
    head = "POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
