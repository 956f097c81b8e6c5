"""The one shape of an error answer, and the one place where a code becomes a status."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from cachetools import TTLCache
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from codeactions.domain.errors import Error, ErrorCode
from codeactions.http.context import ApiContext
from codeactions.http.rate_limit_headers import refusal_headers

_STATUS = {
    ErrorCode.INVALID: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.BUSY: 503,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.INTERNAL: 500,
}
SHAPE = "codeactions.error_shape"
"""The key of a request's scope under which a function may be that makes another answer of an `ErrorAnswer`."""
_RETRY_AFTER = "1"  # seconds; slots become free, and databases come back, that fast
_CHALLENGES = {"Bearer": "Bearer", "Basic": 'Basic realm="endpoint", charset="UTF-8"'}
_logged: TTLCache[str, bool] = TTLCache(256, 60)  # seconds; callers must not be able to fill the log
_log = structlog.get_logger()


class ErrorAnswer(JSONResponse):
    """The answer for an error, in the shape that its request's scope asks for; without a wish in the usual one."""

    def __init__(self, error: Error, message: str, status: int, headers: dict[str, str]) -> None:
        content: dict[str, Any] = {"error": {"code": error.code, "message": message}, **error.details}
        content.pop("scheme", None)
        super().__init__(content, status, headers)
        self.code, self.message, self.own_headers = error.code, message, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        shape: Callable[[ErrorAnswer], JSONResponse] | None = scope.get(SHAPE)
        if shape is None:
            await super().__call__(scope, receive, send)
        else:
            await shape(self)(scope, receive, send)


def error_answer(
    error: Error, *, status: int | None = None, headers: dict[str, str] | None = None, in_full: bool = False
) -> JSONResponse:
    """Return the answer for an error: `{"error": {"code", "message"}, …its details}`.

    in_full: whether the caller is the administrator, who is told what is not public as well.
    """
    sent = dict(headers or {})
    if error.code in (ErrorCode.BUSY, ErrorCode.RATE_LIMITED):
        sent.setdefault("Retry-After", str(error.details.get("retry_after", _RETRY_AFTER)))
    if error.code is ErrorCode.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", _CHALLENGES[error.details.get("scheme", "Bearer")])
    sent |= refusal_headers(error)
    return ErrorAnswer(error, error.message if in_full else error.public, status or _STATUS[error.code], sent)


def answer_for(error: Exception, request: Request, context: ApiContext) -> JSONResponse:
    """Return the answer for any exception that a request ended with.

    Internal errors go to the server's log, and so does what callers are not told: the same thing once a minute.
    """
    known, status, headers = _as_error(error, request)
    context.metrics.count_error(known.code)
    if known.code is ErrorCode.INTERNAL:
        _log.error("request_failed", path=request.url.path, reason=known.message, exc_info=error)
    else:
        log_what_is_not_told(known, path=request.url.path)
    in_full = context.identities.is_administrator(request.headers.get("authorization", ""))
    return error_answer(known, status=status, headers=headers, in_full=in_full)


def log_what_is_not_told(error: Error, **where: str) -> None:
    """Log an error whose message callers do not get, the same one once a minute."""
    if error.public != error.message and error.message not in _logged:
        _logged[error.message] = True
        _log.warning("reason_withheld", **where, reason=error.message)


def install(app: FastAPI, context: ApiContext) -> None:
    """Make an application answer every exception of its routes in that shape."""

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        return answer_for(error, request, context)

    for kind in (Error, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, on_error)


def _as_error(error: Exception, request: Request) -> tuple[Error, int | None, dict[str, str] | None]:
    """Return the error to answer with; and a status and headers where HTTP has some of its own for it."""
    if isinstance(error, Error):
        return error, None, None
    if isinstance(error, RequestValidationError):
        return Error(ErrorCode.INVALID, _first_mistake(error)), None, None
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        if error.status_code == 404:
            return Error(ErrorCode.NOT_FOUND, f"there is nothing at {request.url.path}"), None, headers
        message = error.detail or HTTPStatus(error.status_code).phrase
        if error.status_code == 405:
            headers |= _allowed(request)
            message = f"{request.method} is not possible at {request.url.path}"
        return Error(ErrorCode.INVALID, message), error.status_code, headers
    return Error(ErrorCode.INTERNAL, "internal error; see the server log"), None, None


def _allowed(request: Request) -> dict[str, str]:
    """Return the Allow header for a path. The router's own names the methods of the first of several routes only."""
    for template, operations in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), request.url.path):
            return {"Allow": ", ".join(sorted(method.upper() for method in operations))}
    return {}


def _first_mistake(error: RequestValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return f"{place}: {first['msg']}"
