"""`/health`, `/healthz` and `/metrics`: the state of the server, for people, load balancers and Prometheus."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from codeactions import __version__
from codeactions.domain.access import require_everywhere
from codeactions.domain.errors import Error
from codeactions.http.authentication import Authenticated
from codeactions.http.context import HealthChecks
from codeactions.http.dependencies import Context
from codeactions.http.errors import log_what_is_not_told
from codeactions.http.response_models import ERRORS, HealthModel, LiveModel, errors

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])
_WRONG: dict[int | str, dict[str, Any]] = {400: ERRORS[400]}  # an unknown parameter
_DOWN: dict[int | str, dict[str, Any]] = {503: {"description": "A part is down", "model": HealthModel}}
_CHECK_TIMEOUT = 5.0  # seconds
_PUBLIC_TEXTS = frozenset(("state", "version", "level", "cgroup", "last_at"))
_log = structlog.get_logger()


@router.get("/healthz", summary="See if the process answers", responses=_WRONG)
async def live() -> LiveModel:
    """Answer, which shows that the process does."""
    return LiveModel(status="ok")


@router.get("/health", summary="See the state of each part", response_model=HealthModel, responses={**_WRONG, **_DOWN})
async def health(request: Request, context: Context) -> JSONResponse:
    """Show every part with its state and latency; 503 when one is down.

    The administrator, with the token, also sees what tells of the host: reasons, names, addresses.
    """
    in_full = context.identities.is_administrator(request.headers.get("authorization", ""))
    parts = await check_parts(context.health_checks, in_full=in_full)
    healthy = all(part["state"] == "ok" for part in parts.values())
    content = {"status": "ok" if healthy else "failing", "version": __version__, "parts": parts}
    return JSONResponse(content, 200 if healthy else 503)


async def check_parts(checks: HealthChecks, *, in_full: bool) -> dict[str, dict[str, Any]]:
    """Check every part, and return by its name `state`, `latency_ms` and the part's own details.

    in_full: whether to tell what only the administrator may know.
    """
    found = await asyncio.gather(*(_check(name, check, in_full=in_full) for name, check in checks.items()))
    return dict(zip(checks, found, strict=True))


async def _check(name: str, check: Callable[[], Awaitable[dict[str, Any]]], *, in_full: bool) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            found = await check()
        found = {"state": "ok", **(found if in_full else _public(found))}
    except Error as error:
        log_what_is_not_told(error, part=name)
        found = {"state": "down", "reason": error.message if in_full else error.public}
    except TimeoutError:
        found = {"state": "down", "reason": f"no answer within {_CHECK_TIMEOUT:g} s"}
    except Exception as error:  # one part that cannot be checked must not hide the others
        _log.error("health_check_failed", part=name, exc_info=error)
        found = {"state": "down", "reason": "internal error; see the server log"}
    return {**found, "latency_ms": round((time.perf_counter() - began) * 1000, 3)}


def _public(details: dict[str, Any]) -> dict[str, Any]:
    """Return what is public of a part's details: numbers, and the few texts that name nothing of the host."""
    found: dict[str, Any] = {}
    for name, value in details.items():
        if isinstance(value, dict):
            found[name] = _public(value)
        elif isinstance(value, int | float) or name in _PUBLIC_TEXTS:
            found[name] = value
        elif name == "reason":
            found[name] = "only the administrator is told why"
    return found


@metrics_router.get(
    "/metrics",
    summary="Read the metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **errors(403)},
)
async def metrics(caller: Authenticated, context: Context) -> Response:
    """Read counters and gauges in Prometheus' text format; they are about all projects."""
    require_everywhere(caller, "read the metrics")
    return Response(context.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
