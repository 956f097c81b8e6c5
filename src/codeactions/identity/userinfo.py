"""An issuer's claims about a user: their meaning, and the userinfo endpoint that gives them for an opaque token."""

import asyncio
from typing import Any

from codeactions.domain.errors import Error
from codeactions.domain.project import parse_email
from codeactions.identity.issuer import Issuer, unreachable

_MAX_LOOKUPS = 16  # at a time: a flood of made-up tokens must not reach the issuer
_QUEUE_SECONDS = 5.0  # that a look-up may wait for its turn


class UserInfo:
    """Look-ups at the userinfo endpoint. Callers that ask for one token at once share a look-up; no answer is kept."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._lookups: dict[bytes, asyncio.Task[dict[str, Any]]] = {}
        self._room = asyncio.Semaphore(_MAX_LOOKUPS)

    def __repr__(self) -> str:
        return f"<UserInfo, {len(self._lookups)} look-ups>"

    async def claims(self, digest: bytes, token: str) -> dict[str, Any]:
        """Return the issuer's claims about a token's user. Raises `Error`: unauthorized; busy without an answer.

        digest: identifies the token.
        """
        lookup = self._lookups.get(digest)
        if lookup is None:
            lookup = self._lookups[digest] = asyncio.create_task(self._ask(token), name="userinfo")
            lookup.add_done_callback(lambda done: self._finish(digest, done))
        await asyncio.wait((lookup,))  # it goes on for the others when this caller is cancelled
        if lookup.cancelled():
            raise unreachable("the server is stopping")
        return lookup.result()

    async def close(self) -> None:
        """Cancel the look-ups that are under way."""
        for lookup in (lookups := list(self._lookups.values())):
            lookup.cancel()
        if lookups:
            await asyncio.wait(lookups)

    async def _ask(self, token: str) -> dict[str, Any]:
        url = (await self._issuer.published()).userinfo_url
        if url is None:
            raise unreachable("the issuer has no userinfo endpoint")
        try:
            async with asyncio.timeout(_QUEUE_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise unreachable("too many tokens are being looked up at the issuer; try again") from None
        try:
            claims, _ = await self._issuer.read(url, "the issuer's userinfo", token=token)
        finally:
            self._room.release()
        return claims

    def _finish(self, digest: bytes, lookup: "asyncio.Task[dict[str, Any]]") -> None:
        del self._lookups[digest]
        if not lookup.cancelled():
            lookup.exception()  # otherwise asyncio reports the error if every caller has gone


def email_of(claims: dict[str, Any], name: str) -> str | None:
    """Return the address in a claim, in lower case; None if it is not an address, or the issuer has not verified it."""
    # Some issuers write "true". Any other value does not say that the address is the bearer's.
    if claims.get("email_verified", True) not in (True, "true"):
        return None
    try:
        return parse_email(claims.get(name))
    except Error:
        return None


def is_service(claims: dict[str, Any], wanted: str | None) -> bool:
    """Return whether the bearer is an internal service.

    wanted: "name", a claim that must be true, or "name=value", a claim that must be the value or contain it; None: no
    bearer is a service.
    """
    if wanted is None:
        return False
    name, equals, value = wanted.partition("=")
    claim = claims.get(name)
    if not equals:
        return claim is True
    words = claim.split() if isinstance(claim, str) else claim
    return claim == value or (isinstance(words, list) and value in words)
