"""The route of endpoints, from HTTP and back. This is the hot path; it goes on in services/endpoints.py."""

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import Answer, ErrorType, FinishedRun, RunError
from codeactions.http.authentication import address_of
from codeactions.http.bodies import read_body
from codeactions.http.context import HttpOptions
from codeactions.http.errors import error_answer
from codeactions.http.rate_limit_headers import meter_in
from codeactions.services.call_request import CallRequest
from codeactions.services.endpoints import EndpointService

_FAILURE_CODES = {ErrorType.TIMEOUT: ErrorCode.TIMEOUT, ErrorType.CANCELLED: ErrorCode.BUSY}
_WITHOUT_BODY = (204, 205, 304)
# Endpoints share their origin with the API. A page that one of them returns gets an origin of its own, so that its
# scripts cannot act for a user who has the API open in the same browser.
_ISOLATION = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"


async def call_endpoint(
    endpoints: EndpointService, options: HttpOptions, request: Request, code_id: str, path: str, flows: bool = False
) -> Response:
    """Answer `ANY /endpoint/{code_id}[/path]` as the endpoint says. Raises `Error`; without `flows` none is found."""
    body = partial(read_body, request, options.body_limit, options.body_timeout)
    finished = await endpoints.call(call_request(request, code_id, path), body, meter_in(request.scope), flows=flows)
    if finished.outcome.answer is None:
        return failure_answer(finished)
    return _as_it_says(finished.outcome.answer, str(finished.run.id))


def call_request(request: Request, code_id: str, path: str) -> CallRequest:
    """Return the facts of a request that asks for a run."""
    return CallRequest(
        code_id=code_id,
        method=request.method,
        path=path,
        query=request.scope["query_string"].decode("latin-1"),
        headers=tuple(request.headers.items()),
        address=address_of(request),
    )


def failure_answer(finished: FinishedRun, **details: Any) -> Response:
    """Return the answer for a failed run: the kind of failure, and where the rest is. Never the user's own text."""
    failure = finished.outcome.error
    assert isinstance(failure, RunError)
    code = _FAILURE_CODES.get(failure.type, ErrorCode.INTERNAL)
    run_id = str(finished.run.id)
    message = f"the run failed: {failure.type}; its message and log are in the history, run {run_id}"
    error = Error(code, message, public=message, run_id=run_id, error_type=failure.type, **details)
    return error_answer(error, headers={"X-Run-Id": run_id})


def _as_it_says(answer: Answer, run_id: str) -> Response:
    body = b"" if answer.status_code in _WITHOUT_BODY else answer.body
    response = Response(body, answer.status_code)
    headers = [(b"content-type", answer.content_type.encode("latin-1"))]
    if answer.status_code not in _WITHOUT_BODY:
        headers.append((b"content-length", str(len(body)).encode()))
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers += [
        (b"content-security-policy", _ISOLATION.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-run-id", run_id.encode()),
    ]
    response.raw_headers = headers
    return response
