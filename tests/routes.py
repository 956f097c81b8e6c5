"""The routes that the application has, as it says itself."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from codeactions.http.app import create_app
from codeactions.http.context import ApiContext, Services
from codeactions.http.front import Front
from codeactions.http.metrics import Metrics

PUBLIC = {("GET", "/"), ("GET", "/health"), ("GET", "/healthz")}


def application() -> FastAPI:
    """The API as the server puts it together, with nothing behind it."""
    nothing: Any = None
    services = Services(**dict.fromkeys((field.name for field in dataclasses.fields(Services)), nothing))
    front = create_app(ApiContext(services=services, identities=nothing, limiter=nothing, metrics=Metrics()))
    assert isinstance(front, Front)
    return front.api


def routes_below(router: Any) -> Iterator[tuple[str, str]]:
    """(method, path) of every route of a router and of those included in it."""
    for route in router.routes:
        if included := getattr(route, "original_router", None):
            yield from routes_below(included)
        else:
            assert not getattr(route, "routes", None), f"look into {route} too"
            yield from ((method, route.path) for method in route.methods if method != "HEAD")
