"""What every request meets first: the bound on requests in flight, and the short way to the endpoints.

Endpoints skip the API's middleware, validation and models, which cost a fifth of a trivial call and have
nothing to say there: any method, any parameters, any body are the code's own business.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.http import errors
from codeactions.http.authentication import quota_of
from codeactions.http.context import Services
from codeactions.http.endpoint.handler import call_endpoint

_PREFIXES = ("/endpoint/", "/action/endpoint/")
_LIVE = "/healthz"  # load balancers ask every host


class Front:
    """The ASGI application that is served; `api` is the rest of it."""

    def __init__(self, services: Services, api: FastAPI) -> None:
        self._services = services
        self.api = api
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        most = self._services.most_requests
        if self._in_flight >= most:
            busy = Error(ErrorCode.BUSY, f"{most} requests are in flight already")
            await errors.error_answer(busy)(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._answer(scope, receive, _telling(scope, send))
        finally:
            self._in_flight -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        prefix = next((prefix for prefix in _PREFIXES if path.startswith(prefix)), None)
        host = self._services.endpoint_host
        if host is not None and (_host(scope) == host) is (prefix is None) and path != _LIVE:
            # Pages that endpoints return have an origin without the API, and the API one without such pages.
            there = "endpoints are" if prefix else "only endpoints are"
            answer: Response = errors.error_answer(not_found(f"{there} at {host}"))
            await answer(scope, receive, send)
        elif prefix is None:
            await self.api(scope, receive, send)
        else:
            answer = await self._endpoint(Request(scope, receive, send), path.removeprefix(prefix))
            await answer(scope, receive, send)

    async def _endpoint(self, request: Request, rest: str) -> Response:
        code_id, slash, path = rest.partition("/")
        try:
            return await call_endpoint(self._services, request, code_id, slash + path)
        except Exception as error:
            return errors.answer_for(error, request, self._services.metrics)


def _host(scope: Scope) -> str:
    """The name in the Host header, without the port."""
    value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    name, _, port = value.rpartition(":")
    return name if name and port.isdigit() else value


def _telling(scope: Scope, send: Send) -> Send:
    """Also tell, in the answer's headers, what is left of the caller's calls."""

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start" and (quota := quota_of(scope)) is not None:
            there = {name.lower() for name, _ in message["headers"]}  # a refusal tells of the limit that it is about
            told = [(name, value) for name, value in _encoded(quota.headers()) if name not in there]
            message = {**message, "headers": [*message["headers"], *told]}
        await send(message)

    return tell


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
