"""The ASGI application: its routes, and what comes before each."""

from fastapi import Depends, FastAPI, Security
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from codeactions import __version__
from codeactions.http import errors, flows_compat
from codeactions.http.api import (
    audit,
    codes,
    documentation,
    health,
    logs,
    permissions,
    projects,
    protections,
    root,
    runs,
    secrets,
    tokens,
    trials,
    variables,
    versions,
)
from codeactions.http.authentication import identify, recognise, scheme
from codeactions.http.context import ApiContext
from codeactions.http.front import Front
from codeactions.http.parameters import refuse_unknown

# The parameters of their routes are a closed set.
_CLOSED = (codes, versions, protections, runs, logs, projects, permissions, secrets, variables, tokens, audit)


def create_app(context: ApiContext) -> ASGIApp:
    """Return the application with its routes. Nothing is started here."""
    api = FastAPI(
        title="codeactions",
        version=__version__,
        description="Small functions, each call in a fresh sandbox, each run on record.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,  # the function's name: it stays when paths change
    )
    api.state.context = context
    errors.install(api, context)
    if context.options.flows_compat:
        flows_compat.install(api)
    known = [Depends(identify), Security(scheme)]  # before a request is judged in any other way
    for module in _CLOSED:
        api.include_router(module.router, dependencies=[*known, Depends(refuse_unknown)])
    api.include_router(health.metrics_router, dependencies=[*known, Depends(refuse_unknown)])
    # A code's own parameters come with /run: none is unknown there.
    api.include_router(runs.run_router, dependencies=[Depends(recognise), Security(scheme)])
    api.include_router(trials.router, dependencies=[Depends(recognise), Security(scheme), Depends(refuse_unknown)])
    api.include_router(health.router, dependencies=[Depends(refuse_unknown)])
    api.include_router(documentation.router)
    api.include_router(root.router)
    documentation.describe_endpoints(api)
    app: ASGIApp = Front(context, api)
    if context.options.flows_compat:
        app = flows_compat.with_error_shape(app)
    return _with_cors(app, context.options.cors_origins)


def _with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Let pages of these origins call from a browser. Without credentials: the API knows no cookies."""
    if not origins:
        return app
    exposed = [
        *("X-Run-Id", "X-Total-Count", "Retry-After"),
        *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    ]
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=exposed, max_age=600
    )
