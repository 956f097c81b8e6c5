"""`/health`, `/healthz` and `/metrics`: how the server is, for people, load balancers and Prometheus."""

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from codeactions import __version__
from codeactions.domain.access import require_everywhere
from codeactions.domain.errors import Error
from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.response_models import ERRORS, errors

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])
_WRONG: dict[int | str, dict[str, Any]] = {400: ERRORS[400]}  # an unknown parameter
_CHECK_TIMEOUT = 5.0  # seconds


@router.get("/healthz", response_model=dict[str, str], responses=_WRONG)
async def live() -> dict[str, str]:
    """Whether the process answers at all."""
    return {"status": "ok"}


@router.get("/health", response_model=dict[str, Any], responses={**_WRONG, 503: {"description": "A part is down"}})
async def health(request: Request) -> JSONResponse:
    """Every part with its state and latency; 503 when one is down."""
    services: Services = request.app.state.services
    names = list(services.health_checks)
    parts = dict(zip(names, await asyncio.gather(*(_check(services, name) for name in names)), strict=True))
    healthy = all(part["state"] == "ok" for part in parts.values())
    content = {"status": "ok" if healthy else "failing", "version": __version__, "parts": parts}
    return JSONResponse(content, 200 if healthy else 503)


async def _check(services: Services, name: str) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            found = {"state": "ok", **await services.health_checks[name]()}
    except Error as error:
        found = {"state": "down", "reason": error.message}
    except TimeoutError:
        found = {"state": "down", "reason": f"no answer within {_CHECK_TIMEOUT:g} s"}
    return {**found, "latency_ms": round((time.perf_counter() - began) * 1000, 3)}


@metrics_router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **errors(403)}
)
async def metrics(request: Request, caller: Authenticated) -> Response:
    """Counters and gauges in Prometheus' text format; they are about all projects."""
    services: Services = request.app.state.services
    require_everywhere(caller, "read the metrics")
    return Response(services.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
