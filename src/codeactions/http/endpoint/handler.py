"""The route of endpoints, from HTTP and back. This is the hot path; it goes on in services/endpoints.py."""

from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import AnswerHead, ErrorType, FinishedRun, RunError
from codeactions.execution.open_run import OpenRun
from codeactions.http.authentication import address_of
from codeactions.http.bodies import read_body
from codeactions.http.context import HttpOptions
from codeactions.http.endpoint.answer_headers import WITHOUT_BODY, answer_headers
from codeactions.http.endpoint.open_answer import OpenAnswer
from codeactions.http.errors import error_answer
from codeactions.http.rate_limit_headers import meter_in
from codeactions.services.call_request import CallRequest
from codeactions.services.endpoints import EndpointService

_FAILURE_CODES = {ErrorType.TIMEOUT: ErrorCode.TIMEOUT, ErrorType.CANCELLED: ErrorCode.BUSY}


async def call_endpoint(
    endpoints: EndpointService, options: HttpOptions, request: Request, code_id: str, path: str, flows: bool = False
) -> Response:
    """Answer `ANY /endpoint/{code_id}[/path]`, or `/endpoint/{project}/{name}[/path]`, as the endpoint says.

    flows: whether flows are run, too; otherwise a flow is not found. Raises `Error` as the service does.
    """
    body = partial(read_body, request, options.body_limit, options.body_timeout)
    called = call_request(request, code_id, path, _raw_path(request, code_id, path), _sent(request, code_id, path))
    ran = await endpoints.call(called, body, meter_in(request.scope), flows=flows)
    if isinstance(ran, OpenRun):
        return OpenAnswer(ran) if ran.body is None else _as_it_says(ran.head, ran.body, str(ran.run.id))
    if ran.outcome.error is not None:
        return failure_answer(ran)
    assert ran.outcome.answer is not None
    return _as_it_says(ran.outcome.answer.head, ran.outcome.answer.body, str(ran.run.id))


def call_request(request: Request, code_id: str, path: str, raw_path: str, sent: str = "") -> CallRequest:
    """Return the facts of a request that asks for a run."""
    return CallRequest(
        code_id=code_id,
        method=request.method,
        path=path,
        raw_path=raw_path,
        sent=sent,
        query=request.scope["query_string"].decode("latin-1"),
        headers=_header_texts(request.scope["headers"]),
        address=address_of(request),
    )


def _header_texts(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return headers as they were meant: UTF-8, as nearly all clients send it today, else Latin-1."""
    try:
        return tuple([(name.decode(), value.decode()) for name, value in headers])
    except UnicodeDecodeError:
        return tuple([(name.decode("latin-1"), _either(value)) for name, value in headers])


def _either(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _raw_path(request: Request, code_id: str, path: str) -> str:
    """Return what follows the code's id in the URL as it was sent: `%2F` and `/` are two things there."""
    sent: bytes = request.scope.get("raw_path", b"%")
    if b"%" not in sent:
        return path
    rest = sent.decode("latin-1").partition(f"/endpoint/{code_id}")[2]
    # The id itself may have been sent percent-encoded, or be followed by a slash that was.
    return rest if rest.startswith("/") or not path else quote(path)


def _sent(request: Request, code_id: str, path: str) -> str:
    """Return what follows `/endpoint/` in the URL as it was sent."""
    sent: bytes = request.scope.get("raw_path", b"%")
    if b"%" not in sent:
        return code_id + path
    return sent.decode("latin-1").partition("/endpoint/")[2] or quote(code_id + path)


def failure_answer(finished: FinishedRun, **details: Any) -> Response:
    """Return the answer for a failed run: the kind of failure, and where the rest is. Never the user's own text."""
    failure = finished.outcome.error
    assert isinstance(failure, RunError)
    code = _FAILURE_CODES.get(failure.type, ErrorCode.INTERNAL)
    run_id = str(finished.run.id)
    message = f"the run failed: {failure.type}; its message and log are in the history, run {run_id}"
    error = Error(code, message, public=message, run_id=run_id, error_type=failure.type, **details)
    return error_answer(error, headers={"X-Run-Id": run_id})


def _as_it_says(head: AnswerHead, body: bytes, run_id: str) -> Response:
    body = b"" if head.status_code in WITHOUT_BODY else body
    response = Response(body, head.status_code)
    response.raw_headers = answer_headers(head, run_id, length=len(body))
    return response
