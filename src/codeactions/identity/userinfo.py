"""What an issuer says of a user: what its claims mean, and its userinfo endpoint, to which opaque tokens are shown."""

import asyncio
from typing import Any

from codeactions.domain.errors import Error
from codeactions.domain.project import parse_email
from codeactions.identity.issuer import Issuer, unreachable

_MOST_AT_ONCE = 16  # a flood of made-up tokens must not become one at the issuer
_PATIENCE = 5.0  # seconds for a look-up to begin


class UserInfo:
    """Looks tokens up; those who ask for the same one at the same time share the answer. Keeps none."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._flights: dict[bytes, asyncio.Task[dict[str, Any]]] = {}
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)

    def __repr__(self) -> str:
        return f"<UserInfo, {len(self._flights)} look-ups>"

    async def claims(self, digest: bytes, token: str) -> dict[str, Any]:
        """What the issuer says of a token's user. Raises `Error`: unauthorized; busy when the issuer does not answer.

        digest: stands for the token.
        """
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = asyncio.create_task(self._ask(token), name="userinfo")
            flight.add_done_callback(lambda done: self._landed(digest, done))
        await asyncio.wait((flight,))  # which goes on for the others when this caller goes away
        if flight.cancelled():
            raise unreachable("the server is stopping")
        return flight.result()

    async def close(self) -> None:
        """Give up what is on its way."""
        for flight in (flights := list(self._flights.values())):
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    async def _ask(self, token: str) -> dict[str, Any]:
        url = (await self._issuer.published()).userinfo_url
        if url is None:
            raise unreachable("the issuer has no userinfo endpoint")
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._room.acquire()
        except TimeoutError:
            raise unreachable("too many tokens are being looked up at the issuer; try again") from None
        try:
            claims, _ = await self._issuer.read(url, "the issuer's userinfo", token=token)
        finally:
            self._room.release()
        return claims

    def _landed(self, digest: bytes, flight: "asyncio.Task[dict[str, Any]]") -> None:
        del self._flights[digest]
        if not flight.cancelled():
            flight.exception()  # which asyncio reports otherwise when nobody waits any more


def email_of(claims: dict[str, Any], name: str) -> str | None:
    """The address in a claim, in small letters; None if it is none, or one that the issuer has not verified."""
    # Some issuers write "true". Whatever else is there does not say that the address is the bearer's.
    if claims.get("email_verified", True) not in (True, "true"):
        return None
    try:
        return parse_email(claims.get(name))
    except Error:
        return None


def is_service(claims: dict[str, Any], wanted: str | None) -> bool:
    """Whether a claim says so. wanted: "name", which must be true, or "name=value", which must be or contain it."""
    if wanted is None:
        return False
    name, equals, value = wanted.partition("=")
    claim = claims.get(name)
    if not equals:
        return claim is True
    words = claim.split() if isinstance(claim, str) else claim
    return claim == value or (isinstance(words, list) and value in words)
