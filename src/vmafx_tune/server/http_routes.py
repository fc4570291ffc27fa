"""What each route answers, what each error becomes, and the log line of each request."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from typing import TYPE_CHECKING

from vmafx_tune.errors import BusyError, DrainingError, UnauthenticatedError, VmafxTuneError
from vmafx_tune.server.http_messages import (
    REQUEST_ID_HEADER,
    Refused,
    Response,
    error_response,
    json_response,
)
from vmafx_tune.server.logs import describe_error, severity_of
from vmafx_tune.server.metrics import Counter
from vmafx_tune.server.openapi import DOCUMENT, OPERATIONS, read_score_fields
from vmafx_tune.server.protocol import check_token, choose_request_id, public_sentence, status_of
from vmafx_tune.server.service import ScoreCall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from vmafx_tune.server.http_messages import Request
    from vmafx_tune.server.logs import JsonLog
    from vmafx_tune.server.metrics import Metrics
    from vmafx_tune.server.openapi import Operation
    from vmafx_tune.server.service import ScoringService
    from vmafx_tune.server.settings import ServerSettings

__all__ = ["HttpRoutes"]

# Another server may take the work at once.
_DRAINING_RETRY_S = 1
_PROBES = frozenset({"health", "ready", "metrics"})
_ROUTES: Mapping[str, Operation] = {operation.path: operation for operation in OPERATIONS}
# Nothing here is to be kept by a cache, or taken by a browser for what it is not called.
_ON_EVERY_ANSWER = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@dataclasses.dataclass(slots=True)
class _Exchange:
    """A request on its way to an answer, and what its log line will say.

    Attributes:
        operation: What it asks for; None where there is no such path.
        started: Monotonic time, in seconds.
        model: As the client named it.
    """

    request: Request
    operation: Operation | None
    started: float
    model: str = ""


class HttpRoutes:
    """Answers requests by the operations of `openapi.json`.

    Args:
        service: Does the work.
        settings: The token, and how long a score may take.
        log: One line for each request.
        metrics: Counts probes; the service counts scores.
    """

    def __init__(
        self, service: ScoringService, settings: ServerSettings, log: JsonLog, metrics: Metrics
    ) -> None:
        self._service = service
        self._settings = settings
        self._log = log
        self._metrics = metrics
        self._handlers: Mapping[str, Callable[[_Exchange], Awaitable[Response]]] = {
            "health": self._health,
            "ready": self._ready,
            "metrics": self._scrape,
            "score": self._score,
            "openapi": self._openapi,
            "docs": self._docs,
        }

    async def respond(self, request: Request) -> Response:
        """Answer a request; whatever goes wrong is an answer, too."""
        exchange = _Exchange(request, _ROUTES.get(_path(request.target)), time.monotonic())
        error: Exception | None = None
        try:
            response = await self._answer(exchange)
        except asyncio.CancelledError:
            self._log_end(exchange, None, None)
            raise
        except Exception as raised:  # noqa: BLE001 - the last resort for what nobody expected
            error = raised
            response = _response_to(raised)
        self._log_end(exchange, response.status, error)
        # Whoever kept the connection would not find another server.
        return _signed(response, request.request_id, close=self._service.draining)

    def refuse(self, refused: Refused) -> Response:
        """Answer what is not a whole request."""
        request_id = choose_request_id(None)
        self._log.info("refused", request_id=request_id, status=refused.status, error=str(refused))
        return _signed(_response_to(refused), request_id, close=True)

    async def _answer(self, exchange: _Exchange) -> Response:
        operation, request = exchange.operation, exchange.request
        if operation is None:
            raise Refused(404, "There is nothing here. /docs lists what there is.")
        if request.method not in operation.methods:
            allow = ", ".join(operation.methods)
            raise Refused(405, f"{operation.path} takes {allow} only.", {"allow": allow})
        if operation.guarded:
            check_token(request.headers.get("authorization"), self._settings.api_token)
        return await self._handlers[operation.name](exchange)

    async def _health(self, _: _Exchange) -> Response:
        self._metrics.count(Counter.HEALTH_REQUESTS)
        return json_response(200, {"status": "ok"})

    async def _ready(self, _: _Exchange) -> Response:
        self._metrics.count(Counter.READY_REQUESTS)
        reason = self._service.not_ready
        if reason is not None:
            return json_response(503, {"status": "not ready", "reason": reason})
        return json_response(200, {"status": "ready"})

    async def _scrape(self, _: _Exchange) -> Response:
        scrape = self._metrics.scrape()
        return Response(status=200, body=scrape.body, content_type=scrape.content_type)

    async def _score(self, exchange: _Exchange) -> Response:
        fields = read_score_fields(exchange.request)
        exchange.model = fields["model"]
        call = ScoreCall(
            **fields,
            request_id=exchange.request.request_id,
            deadline_s=self._settings.request_timeout_s,
        )
        scored = await self._service.score(call)
        return json_response(200, dataclasses.asdict(scored))

    async def _openapi(self, _: _Exchange) -> Response:
        return Response(status=200, body=DOCUMENT)

    async def _docs(self, _: _Exchange) -> Response:
        from vmafx_tune.server.openapi import CONTENT_POLICY, render_docs

        headers = {"content-security-policy": CONTENT_POLICY, "referrer-policy": "no-referrer"}
        return Response(
            status=200,
            body=render_docs(DOCUMENT),
            content_type="text/html; charset=utf-8",
            headers=headers,
        )

    def _log_end(self, exchange: _Exchange, status: int | None, error: Exception | None) -> None:
        operation = exchange.operation
        failure = {} if error is None else _failure(error)
        getattr(self._log, _level(operation, error))(
            "client left" if status is None else "answered",
            request_id=exchange.request.request_id,
            route=operation.path if operation else None,
            status=status,
            duration_s=round(time.monotonic() - exchange.started, 6),
            model=exchange.model or None,
            **failure,
        )


def _level(operation: Operation | None, error: Exception | None) -> str:
    if error is not None and not isinstance(error, Refused):
        return severity_of(error)
    return "debug" if operation is not None and operation.name in _PROBES else "info"


def _failure(error: Exception) -> dict[str, str]:
    return {"error": str(error)} if isinstance(error, Refused) else describe_error(error)


def _signed(response: Response, request_id: str, *, close: bool) -> Response:
    headers = {**response.headers, **_ON_EVERY_ANSWER, REQUEST_ID_HEADER: request_id}
    return response._replace(headers=headers, close=close)


def _response_to(error: Exception) -> Response:
    if isinstance(error, Refused):
        return error_response(error.status, str(error), error.headers)
    headers: dict[str, str] = {}
    if isinstance(error, BusyError):
        headers["retry-after"] = str(math.ceil(error.retry_after_s))
    elif isinstance(error, DrainingError):
        headers["retry-after"] = str(_DRAINING_RETRY_S)
    elif isinstance(error, UnauthenticatedError):
        headers["www-authenticate"] = "Bearer"
    known = error if isinstance(error, VmafxTuneError) else VmafxTuneError()
    return error_response(status_of(known).http, public_sentence(known), headers)


def _path(target: str) -> str:
    """Take the path out of a request target, as it is.

    Nothing is decoded: every path here is plain, and a proxy that guards one of them must not see
    another than the server does.
    """
    if not target.startswith("/"):
        # The absolute form, `http://host/path`, is what proxies are sent.
        _, _, rest = target.partition("://")
        _, slash, path = rest.partition("/")
        target = slash + path
    return target.partition("?")[0]
