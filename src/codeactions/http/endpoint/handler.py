"""Endpoints: codes with a public URL. This is the hot path; it goes from here to execution/recorded_runs.py."""

from starlette.requests import Request
from starlette.responses import Response

from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.domain.ids import parse_id
from codeactions.domain.protection import ProtectionKind
from codeactions.domain.run import Answer, ErrorType, FinishedRun, RunError
from codeactions.http.authentication import address_of, network_of, refuse_forged, take_from
from codeactions.http.context import Services
from codeactions.http.errors import error_answer
from codeactions.http.requests import read_body, read_call
from codeactions.postgres.codes import CodeWithProtection

_FAILURE_CODES = {ErrorType.TIMEOUT: ErrorCode.TIMEOUT, ErrorType.CANCELLED: ErrorCode.BUSY}
_WITHOUT_BODY = (204, 205, 304)
# Endpoints share their origin with the API. A page one of them returns gets an origin of its own, so that its
# scripts cannot act as whoever has the API open in the same browser.
_ISOLATION = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"


async def call_endpoint(services: Services, request: Request, code_id: str, path: str) -> Response:
    """`ANY /endpoint/{code_id}[/path]`: run an endpoint and answer as it says. Raises `Error`; a flow is not found."""
    authorization, address = request.headers.get("authorization", ""), address_of(request)
    limited = not services.identities.is_administrator(authorization)
    if limited:  # first: looking for what is not there costs as much as a call
        await take_from(services, request, code=None, caller=network_of(address))
    found = await _find(services, code_id)
    protected = found.protection is not None
    if limited and not protected:
        await take_from(services, request, code=str(found.code.id), caller=None)
    if found.protection is not None and found.protection.kind is ProtectionKind.TOKEN:
        refuse_forged(request)
    await services.endpoints.admit(found, request.headers, address)
    body = await read_body(request, services.body_limit, services.body_timeout)
    services.endpoints.check_signature(found, request.headers, body)
    if limited and protected:  # only now: who may not call it takes nothing from its limit
        await take_from(services, request, code=str(found.code.id), caller=None)
    signature = found.protection.header if found.protection is not None else None
    public = not protected or signature is not None
    call = read_call(request, path, body, identities=services.identities, public=public, signature=signature)
    finished = await services.endpoints.run(found.code, call)
    if finished.outcome.answer is None:
        return failure_answer(finished)
    return _as_it_says(finished.outcome.answer, str(finished.run.id))


async def _find(services: Services, code_id: str) -> CodeWithProtection:
    try:
        return await services.endpoints.find(parse_id(code_id))
    except Error as error:
        if error.code is ErrorCode.INVALID:
            raise not_found(f"there is no endpoint {code_id[:64]}") from None
        raise


def failure_answer(finished: FinishedRun, **details: object) -> Response:
    """The answer for a failed run: what kind of failure, and where the rest is. Never the user's own text."""
    failure = finished.outcome.error
    assert isinstance(failure, RunError)
    code = _FAILURE_CODES.get(failure.type, ErrorCode.INTERNAL)
    run_id = str(finished.run.id)
    message = f"the run failed: {failure.type}; its message and log are in the history, run {run_id}"
    return error_answer(
        Error(code, message, run_id=run_id, error_type=failure.type, **details), headers={"X-Run-Id": run_id}
    )


def _as_it_says(answer: Answer, run_id: str) -> Response:
    body = b"" if answer.status_code in _WITHOUT_BODY else answer.body
    response = Response(body, answer.status_code)
    headers = [(b"content-type", answer.content_type.encode("latin-1"))]
    if answer.status_code not in _WITHOUT_BODY:
        headers.append((b"content-length", str(len(body)).encode()))
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers += [
        (b"content-security-policy", _ISOLATION.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-run-id", run_id.encode()),
    ]
    response.raw_headers = headers
    return response
