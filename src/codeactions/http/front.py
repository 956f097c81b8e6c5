"""What every request meets first: the bound on requests in flight, and the short way to the endpoints.

Endpoints skip the API's middleware, validation and models, which cost a fifth of a trivial call and have
nothing to say there: any method, any parameters, any body are the code's own business.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from codeactions.domain.errors import Error, ErrorCode
from codeactions.http import errors
from codeactions.http.endpoints import call_endpoint
from codeactions.http.services import Services

_PREFIXES = ("/endpoint/", "/action/endpoint/")


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
            path: str = scope.get("path", "")
            for prefix in _PREFIXES:
                if path.startswith(prefix):
                    answer = await self._endpoint(Request(scope, receive, send), path.removeprefix(prefix))
                    await answer(scope, receive, send)
                    return
            await self.api(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _endpoint(self, request: Request, rest: str) -> Response:
        code_id, slash, path = rest.partition("/")
        try:
            return await call_endpoint(self._services, request, code_id, slash + path)
        except Exception as error:
            return errors.answer_for(error, request, self._services.metrics)
