"""The first stage of every request: the bound on requests in flight, the meter, and the short way to the endpoints.

Endpoints skip the API's middleware, validation and models, which cost a fifth of a trivial call and have
no use there: any method, any parameters and any body are for the code to judge.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.http import errors
from codeactions.http.context import ApiContext
from codeactions.http.endpoint.handler import call_endpoint
from codeactions.http.rate_limit_headers import put_meter, with_quota_headers
from codeactions.limits.call_meter import CallMeter

_LIVE = "/healthz"  # load balancers ask every host


class Front:
    """The ASGI application that is served; `api` is the rest of it."""

    def __init__(self, context: ApiContext, api: FastAPI) -> None:
        self._context = context
        self._endpoints = context.services.endpoints
        self._options = context.options
        self.api = api
        self._in_flight = 0
        # By prefix of the path, whether codes of every type are run there.
        self._prefixes = {"/endpoint/": False, "/action/endpoint/": context.options.flows_compat}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        most = self._options.most_requests
        if self._in_flight >= most:
            busy = Error(ErrorCode.BUSY, f"{most} requests are in flight already")
            await errors.error_answer(busy)(scope, receive, send)
            return
        self._in_flight += 1
        meter = CallMeter(self._context.limiter)
        put_meter(scope, meter)
        try:
            await self._answer(scope, receive, with_quota_headers(send, meter))
        finally:
            self._in_flight -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        prefix = next((prefix for prefix in self._prefixes if path.startswith(prefix)), None)
        host = self._options.endpoint_host
        if host is not None and (_host(scope) == host) is (prefix is None) and path != _LIVE:
            # Pages that endpoints return have an origin without the API, and the API one without such pages.
            there = "endpoints have another host name" if prefix else "there are only endpoints at this host name"
            answer: Response = errors.error_answer(not_found(there))
            await answer(scope, receive, send)
        elif prefix is None:
            await self.api(scope, receive, send)
        else:
            request, flows = Request(scope, receive, send), self._prefixes[prefix]
            answer = await self._endpoint(request, path.removeprefix(prefix), flows)
            await answer(scope, receive, send)

    async def _endpoint(self, request: Request, rest: str, flows: bool) -> Response:
        code_id, slash, path = rest.partition("/")
        try:
            return await call_endpoint(self._endpoints, self._options, request, code_id, slash + path, flows)
        except Exception as error:
            return errors.answer_for(error, request, self._context)


def _host(scope: Scope) -> str:
    """Return the name in the Host header, without the port."""
    value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    name, _, port = value.rpartition(":")
    return name if name and port.isdigit() else value
