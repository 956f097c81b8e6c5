"""Endpoints: codes that callers reach by a public URL, and the checks before one of them runs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codeactions.domain.access import Action, require
from codeactions.domain.code import endpoint_not_found
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId, parse_any_id
from codeactions.domain.protection import Protection, ProtectionKind, is_signed, secret_identity
from codeactions.domain.run import FinishedRun
from codeactions.execution.open_run import OpenRun
from codeactions.identity.cipher import Cipher
from codeactions.identity.cross_site import refuse_cross_site_credentials
from codeactions.identity.passwords import PasswordCheck
from codeactions.limits.call_meter import CallMeter
from codeactions.limits.networks import network_of
from codeactions.postgres.codes import CodeName, CodeWithProtection
from codeactions.services.call_request import CallRequest, build_call
from codeactions.services.collaborators import Callers, CodesByName, Ids, ReadBody, Runs


@dataclass(frozen=True, slots=True)
class _Called:
    """The code that is called, the request as it is to the code, and what not to find is called in messages."""

    found: CodeWithProtection
    request: CallRequest
    said: object


class EndpointService:
    """Calls endpoints for callers who need not be known."""

    def __init__(
        self,
        runs: Runs,
        codes: CodesByName,
        callers: Callers,
        cipher: Cipher,
        passwords: PasswordCheck,
        ids: Ids,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """runs: runs codes and records the runs (execution/recorded_runs.py). cipher: opens shared secrets.

        clock: seconds since 1970, for signatures with a time.
        """
        self._runs = runs
        self._codes = codes
        self._callers = callers
        self._cipher = cipher
        self._passwords = passwords
        self._ids = ids
        self._clock = clock

    async def call(
        self, request: CallRequest, read_body: ReadBody, meter: CallMeter, *, flows: bool = False
    ) -> FinishedRun | OpenRun:
        """Run an endpoint; with `flows` a code of any type. A run that failed is returned as well.

        A run that goes on while its answer goes out is returned as soon as the answer has begun. Raises `Error`:
        not_found, also for a flow and to a caller with a token for something else; rate_limited; unauthorized;
        forbidden; what `read_body` raises; invalid and too_large for the query and the headers; busy.
        """
        headers = request.first_headers()
        limited = not self._callers.is_administrator(headers.get("authorization", ""))
        if limited:  # first: a look-up of a code that does not exist costs as much as a call
            await meter.take(caller=network_of(request.address))
        called = await self._find(request, flows)
        code, protection, request = called.found.code, called.found.protection, called.request
        if limited and protection is None:
            await meter.take(code=str(code.id))
        await self._admit(called, headers)
        body = await read_body()  # only now: a caller that is refused does not get to send a body
        self._check_signature(protection, headers, body)
        if limited and protection is not None:  # only now: a caller that is refused takes nothing from the code's limit
            await meter.take(code=str(code.id))
        signature = None if protection is None else protection.header
        call = build_call(
            request, body, keys=self._callers, public=protection is None or signature is not None, signature=signature
        )
        return await self._runs.run(code, call)

    async def _find(self, request: CallRequest, flows: bool) -> "_Called":
        """Return the code that a URL means: by its id, or else by the names of project and code.

        An id of a code that exists wins. A name that is kept in memory is no such id.
        """
        named = request.by_name() if request.path else None
        given = _as_id(request.code_id)
        if named is None:
            found = await self._by_id(given)
            said: object = given or request.code_id[:64]
        else:
            name = CodeName(named[0], named[1], flows)
            said = name  # also of a code that is called by its id: a stranger must not learn that there is one
            found = None if self._codes.known(name) else await self._by_id(given)
            if found is None:
                return _Called(await self._by_name(name), named[2], said)
        if found is None or not (flows or found.code.type == "endpoint"):
            raise endpoint_not_found(said)
        return _Called(found, request, said)

    async def _by_id(self, given: AnyId | None) -> CodeWithProtection | None:
        if given is None:
            return None
        try:
            code_id = await self._ids.code(given)
            return None if code_id is None else await self._codes.get(code_id)
        except Error as error:  # invalid: an old id where there are none
            if error.code in (ErrorCode.NOT_FOUND, ErrorCode.INVALID):
                return None
            raise

    async def _by_name(self, name: CodeName) -> CodeWithProtection:
        """Return the one code of a name. Raises `Error` (not_found, conflict)."""
        for _ in range(2):
            code_id = await self._codes.id_of(name)
            found = await self._by_id(code_id)
            if found is not None and name.fits(found.code):
                return found
            self._codes.forget(code_id)  # it was renamed, and what is kept is older than that
        raise endpoint_not_found(name)

    async def _admit(self, called: "_Called", headers: Mapping[str, str]) -> None:
        """Check what can be checked before the body is read."""
        protection, code = called.found.protection, called.found.code
        if protection is None:
            return
        authorization = headers.get("authorization", "")
        match protection.kind:
            case ProtectionKind.HMAC:
                _presented_signature(protection, headers)
            case ProtectionKind.TOKEN:
                refuse_cross_site_credentials(headers)
                caller = await self._callers.identify(authorization, called.request.address)
                require(caller, Action.RUN, code.project_uuid, endpoint_not_found(called.said))
            case ProtectionKind.BASIC:
                if not await self._passwords.is_right(protection, authorization):
                    message = "this endpoint needs its user name and password"
                    raise Error(ErrorCode.UNAUTHORIZED, message, scheme="Basic")

    def _check_signature(self, protection: Protection | None, headers: Mapping[str, str], body: bytes) -> None:
        """Check that the body is signed, where it has to be."""
        if protection is None or protection.kind is not ProtectionKind.HMAC:
            return
        assert protection.secret is not None
        presented = _presented_signature(protection, headers)
        shared = self._cipher.decrypt(protection.secret, secret_identity(protection.code_id))
        if not is_signed(presented, shared, body, self._clock()):
            raise Error(ErrorCode.UNAUTHORIZED, f"the signature in {protection.header} is not that of this body")


def _presented_signature(protection: Protection, headers: Mapping[str, str]) -> str:
    presented = headers.get((protection.header or "").lower(), "")
    if not presented:
        raise Error(ErrorCode.UNAUTHORIZED, f"the signature in {protection.header} is missing")
    return presented


def _as_id(text: str) -> AnyId | None:
    try:
        return parse_any_id(text)
    except Error:
        return None
