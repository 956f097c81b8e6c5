"""The ASGI application: which route is where, who may call it, and how many calls may be in flight."""

from fastapi import Depends, FastAPI, Security
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from codeactions import __version__
from codeactions.domain.errors import Error, ErrorCode
from codeactions.http import codes, documentation, errors, health, logs, runs
from codeactions.http.authentication import bearer_scheme, require_administrator
from codeactions.http.endpoints import call_endpoint
from codeactions.http.parameters import refuse_unknown
from codeactions.http.services import Services


def create_app(services: Services) -> FastAPI:
    """Put the routes together. Nothing is started here."""
    app = FastAPI(
        title="codeactions",
        version=__version__,
        description="Small functions, each call in a fresh sandbox, each run on record.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.services = services
    errors.install(app, services.metrics)
    # Plain routes, first in line: no validation, no model, any method.
    for prefix in ("/endpoint", "/action/endpoint"):
        for tail in ("", "/{path:path}"):
            app.router.routes.append(Route(f"{prefix}/{{code_id}}{tail}", _AnyMethod(call_endpoint)))
    for router in (codes.router, runs.router, logs.router, health.metrics_router):
        app.include_router(router, dependencies=[*_administrator(), Depends(refuse_unknown)])
    app.include_router(runs.run_router, dependencies=_administrator())
    app.include_router(health.router, dependencies=[Depends(refuse_unknown)])
    app.include_router(documentation.router)
    documentation.describe_endpoints(app)
    app.add_middleware(_RequestBound, most=services.most_requests)
    return app


def _administrator() -> list[object]:
    return [Depends(require_administrator), Security(bearer_scheme)]


class _AnyMethod:
    """Wraps a handler so that the router takes it for an application, which gets every method."""

    def __init__(self, handler: object) -> None:
        self._handle = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import Request

        response = await self._handle(Request(scope, receive, send))  # type: ignore[operator]
        await response(scope, receive, send)


class _RequestBound:
    """Answers `busy` when too many requests are in flight, instead of taking memory for ever more of them."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._current = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._current >= self._most:
            answer = errors.error_answer(Error(ErrorCode.BUSY, f"{self._most} requests are in flight already"))
            await answer(scope, receive, send)
            return
        self._current += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._current -= 1
