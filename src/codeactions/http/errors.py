"""The one shape of an error answer, and the one place where a code becomes a status."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from codeactions.domain.errors import Error, ErrorCode
from codeactions.http.metrics import Metrics

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
_RETRY_AFTER = "1"  # seconds; slots become free, and databases come back, that fast
_log = structlog.get_logger()


def error_answer(error: Error, *, status: int | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer for an error: `{"error": {"code", "message"}, …its details}`."""
    sent = dict(headers or {})
    if error.code in (ErrorCode.BUSY, ErrorCode.RATE_LIMITED):
        sent.setdefault("Retry-After", _RETRY_AFTER)
    if error.code is ErrorCode.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", "Bearer")
    content: dict[str, Any] = {"error": {"code": error.code, "message": error.message}, **error.details}
    return JSONResponse(content, status or _STATUS[error.code], sent)


def install(app: FastAPI, metrics: Metrics) -> None:
    """Answer every exception that a route lets through in that shape."""

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Error)
        metrics.count_error(error.code)
        if error.code is ErrorCode.INTERNAL:
            _log.error("request_failed", path=request.url.path, reason=error.message, exc_info=error.__cause__)
        return error_answer(error)

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return await on_error(request, Error(ErrorCode.INVALID, _first_mistake(error)))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        metrics.count_error(ErrorCode.NOT_FOUND if error.status_code == 404 else ErrorCode.INVALID)
        if error.status_code == 404:
            return error_answer(Error(ErrorCode.NOT_FOUND, f"there is nothing at {request.url.path}"))
        if error.status_code == 405:
            message = f"{request.method} is not possible at {request.url.path}"
            return error_answer(Error(ErrorCode.INVALID, message), status=405, headers=dict(error.headers or {}))
        return error_answer(
            Error(ErrorCode.INVALID, error.detail or HTTPStatus(error.status_code).phrase), status=error.status_code
        )

    async def on_anything(request: Request, error: Exception) -> JSONResponse:
        metrics.count_error(ErrorCode.INTERNAL)
        _log.error("request_crashed", path=request.url.path, exc_info=error)
        return error_answer(Error(ErrorCode.INTERNAL, "the server made a mistake; its log says which"))

    app.add_exception_handler(Error, on_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_anything)


def _first_mistake(error: RequestValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return f"{place}: {first['msg']}"
