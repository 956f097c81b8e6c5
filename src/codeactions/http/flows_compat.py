"""Answers in the shapes of the Go service `flows-code-actions`, for its clients: `CODEACTIONS_COMPAT`.

Everything of it that is about HTTP is here, and in `Front`, which lets flows be called. Its rule of roles is in
domain/access.py.
"""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from codeactions import __version__
from codeactions.domain.errors import ErrorCode, invalid
from codeactions.domain.moment import text_of
from codeactions.domain.run import RunStatus
from codeactions.http.api.health import check_parts
from codeactions.http.authentication import Authenticated, identify
from codeactions.http.dependencies import Codes, Context, Runs
from codeactions.http.errors import SHAPE, ErrorAnswer
from codeactions.http.parameters import (
    Moment,
    PageNumber,
    PathId,
    ProjectFilter,
    QueryId,
    empty_is_absent,
    refuse_unknown,
)
from codeactions.http.response_models import run_object

_LIST_LIMIT = 1000  # runs on a page: the Go service has no pages, and sends all
_STATUS = {ErrorCode.TIMEOUT: 408}
_SERVICES = {"events": "rabbitmq", "limits": "redis"}  # its names of parts that it has, too
_STARTED = time.monotonic()

_Project = Annotated[ProjectFilter, BeforeValidator(empty_is_absent)]

_public = APIRouter(include_in_schema=False)
_known = APIRouter(include_in_schema=False, dependencies=[Depends(identify)])


def install(api: FastAPI) -> None:
    """Add the routes that answer otherwise, before the usual ones, and let unknown parameters pass."""
    api.include_router(_public)
    api.include_router(_known)
    api.dependency_overrides[refuse_unknown] = _nothing


def with_error_shape(app: ASGIApp) -> ASGIApp:
    """Return the application with errors as `{"message"}`. What a code itself answers stays as it is."""

    async def shaped(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, SHAPE: _shape}, receive, send)

    return shaped


def _shape(answer: ErrorAnswer) -> JSONResponse:
    status = _STATUS.get(answer.code, answer.status_code)
    return JSONResponse({"message": answer.message}, status, answer.own_headers)


async def _nothing() -> None:
    """Refuse no parameter."""


@_public.get("/")
@_public.get("/healthz")
async def live() -> dict[str, Any]:
    """Answer, which shows that the process does. Times are in nanoseconds, as in Go."""
    return {"status": "ok", "timestamp": _now(), "uptime": _uptime(), "version": __version__}


@_public.get("/health")
async def health(request: Request, context: Context) -> JSONResponse:
    """Show every part with its state and latency; 503 when one is down."""
    in_full = context.identities.is_administrator(request.headers.get("authorization", ""))
    parts = await check_parts(context.health_checks, in_full=in_full)
    services = {_SERVICES.get(name, name): _service(part) for name, part in parts.items()}
    healthy = all(one["status"] == "healthy" for one in services.values())
    content = {
        "status": "healthy" if healthy else "unhealthy",
        "timestamp": _now(),
        "version": __version__,
        "uptime": _uptime(),
        "services": services,
        "system": {"cpu_count": os.cpu_count()},
    }
    return JSONResponse(content, 200 if healthy else 503)


@_known.get("/coderun")
async def list_runs(
    caller: Authenticated,
    runs: Runs,
    code_id: QueryId = None,
    project_uuid: _Project = None,
    after: Moment = None,
    before: Moment = None,
    status: RunStatus | None = None,
    page: PageNumber = 1,
) -> JSONResponse:
    """List the runs of a code, newest first, as a plain array. `X-Total-Count` tells how many there are.

    The Go service has no list of a project's runs. Without a code, `project_uuid` gives one, 20 a page.
    """
    if code_id is not None:
        found = await runs.page(caller, code_id, status=status, after=after, before=before, page=page, size=_LIST_LIMIT)
    elif project_uuid is not None:
        found = await runs.page_of_project(caller, project_uuid, status=status, after=after, before=before, page=page)
    else:
        raise invalid("valid code_id is required")
    content = [run_object(run, traceback=True) for run in found.data]
    return JSONResponse(content, headers={"X-Total-Count": str(found.total)})


@_known.delete("/code/{code_id}")
async def delete_code(caller: Authenticated, codes: Codes, code_id: PathId) -> Response:
    """Delete a code, with its runs and their logs."""
    await codes.delete(caller, code_id)
    return Response(status_code=200)


def _service(part: Mapping[str, Any]) -> dict[str, Any]:
    is_well = part["state"] == "ok"
    return {
        "status": "healthy" if is_well else "unhealthy",
        "message": part.get("reason") or ("ok" if is_well else "down"),
        "latency": round(part["latency_ms"] * 1_000_000),
        "timestamp": _now(),
    }


def _now() -> str:
    return text_of(datetime.now(UTC))


def _uptime() -> int:
    return round((time.monotonic() - _STARTED) * 1_000_000_000)
