"""The ASGI application: which route is where, and who may call it."""

from typing import Any

from fastapi import Depends, FastAPI, Security

from codeactions import __version__
from codeactions.http import codes, documentation, errors, health, logs, runs
from codeactions.http.authentication import bearer_scheme, require_administrator
from codeactions.http.front import Front
from codeactions.http.parameters import refuse_unknown
from codeactions.http.services import Services


def create_app(services: Services) -> Front:
    """Put the routes together. Nothing is started here."""
    api = FastAPI(
        title="codeactions",
        version=__version__,
        description="Small functions, each call in a fresh sandbox, each run on record.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    api.state.services = services
    errors.install(api, services.metrics)
    for router in (codes.router, runs.router, logs.router, health.metrics_router):
        api.include_router(router, dependencies=[*_administrator(), Depends(refuse_unknown)])
    # A code's own parameters come with /run: none is unknown there.
    api.include_router(runs.run_router, dependencies=_administrator())
    api.include_router(health.router, dependencies=[Depends(refuse_unknown)])
    api.include_router(documentation.router)
    documentation.describe_endpoints(api)
    return Front(services, api)


def _administrator() -> list[Any]:
    return [Depends(require_administrator), Security(bearer_scheme)]
