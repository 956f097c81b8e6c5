"""`/health`, `/healthz` and `/metrics`: the state of the server, for people, load balancers and Prometheus."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from codeactions import __version__
from codeactions.domain.access import require_everywhere
from codeactions.domain.errors import Error
from codeactions.http.authentication import Authenticated
from codeactions.http.context import HealthChecks
from codeactions.http.dependencies import Context
from codeactions.http.response_models import ERRORS, HealthModel, LiveModel, errors

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])
_WRONG: dict[int | str, dict[str, Any]] = {400: ERRORS[400]}  # an unknown parameter
_DOWN: dict[int | str, dict[str, Any]] = {503: {"description": "A part is down", "model": HealthModel}}
_CHECK_TIMEOUT = 5.0  # seconds


@router.get("/healthz", summary="See if the process answers", responses=_WRONG)
async def live() -> LiveModel:
    """Answer, which shows that the process does."""
    return LiveModel(status="ok")


@router.get("/health", summary="See the state of each part", response_model=HealthModel, responses={**_WRONG, **_DOWN})
async def health(context: Context) -> JSONResponse:
    """Show every part with its state and latency; 503 when one is down."""
    parts = await check_parts(context.health_checks)
    healthy = all(part["state"] == "ok" for part in parts.values())
    content = {"status": "ok" if healthy else "failing", "version": __version__, "parts": parts}
    return JSONResponse(content, 200 if healthy else 503)


async def check_parts(checks: HealthChecks) -> dict[str, dict[str, Any]]:
    """Check every part, and return by its name `state`, `latency_ms` and the part's own details."""
    found = await asyncio.gather(*map(_check, checks.values()))
    return dict(zip(checks, found, strict=True))


async def _check(check: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            found = {"state": "ok", **await check()}
    except Error as error:
        found = {"state": "down", "reason": error.message}
    except TimeoutError:
        found = {"state": "down", "reason": f"no answer within {_CHECK_TIMEOUT:g} s"}
    return {**found, "latency_ms": round((time.perf_counter() - began) * 1000, 3)}


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
