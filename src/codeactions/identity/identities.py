"""Identification of a caller by the Authorization header."""

import base64
import dataclasses
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.role import Role
from codeactions.domain.token import PREFIX, SECRET_CHARACTERS, ApiToken, digest
from codeactions.identity.usage import TokenUsage
from codeactions.postgres.cache import Cache

if TYPE_CHECKING:
    from codeactions.identity.oidc import OidcVerifier

_MAX_LENGTH = 16 * 1024  # characters of a token; identity tokens with many claims have a few thousand
_API_TOKEN = re.compile(f"{PREFIX}[A-Za-z0-9_-]{{{SECRET_CHARACTERS}}}")
_ADMINISTRATOR = Caller(kind=CallerKind.ADMINISTRATOR, name="administrator", everywhere=True)


def presented_token(authorization: str) -> str:
    """Return the token in an Authorization header: `Token X`, `Bearer X`, bare `X`, or Basic with X as the password.

    The result is empty if there is none.
    """
    scheme, _, rest = authorization.strip().partition(" ")
    match scheme.lower():
        case "token" | "bearer":
            return rest.strip()
        case "basic":
            try:
                return base64.b64decode(rest, validate=True).decode().partition(":")[2]
            except ValueError:  # of base64, of UTF-8, or for letters beyond ASCII
                return ""
    return authorization.strip()


class Identities:
    """The means to identify callers.

    administrator: the administrator's token. tokens: API tokens by their digest. roles: a user's roles by address.
    verifier: checks identity tokens, if an issuer is configured. usage: notes the use of API tokens. now: returns the
    time.
    """

    def __init__(
        self,
        administrator: str,
        tokens: Cache[bytes, ApiToken | None],
        roles: Cache[str, Mapping[str, Role]],
        *,
        verifier: "OidcVerifier | None" = None,
        usage: TokenUsage | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._administrator = administrator.encode()
        self._tokens = tokens
        self._roles = roles
        self._verifier = verifier
        self._usage = usage
        self._now = now

    def is_administrator(self, authorization: str) -> bool:
        """Return whether a header holds the administrator's token. A near miss takes as long as a far one."""
        presented = presented_token(authorization).encode("utf-8", "replace")
        return bool(presented) and hmac.compare_digest(presented, self._administrator)

    def is_credential(self, authorization: str) -> bool:
        """Return whether a header holds, in any form, a token for this server, identity tokens included."""
        if self.is_administrator(authorization) or presented_token(authorization).startswith(PREFIX):
            return True
        return self._verifier is not None and self._verifier.is_of_issuer(presented_token(authorization))

    def holds_secret(self, value: str) -> bool:
        """Return whether a header's value contains a token of this server, which no code may see."""
        return self._administrator.decode() in value or _API_TOKEN.search(value) is not None

    async def identify(self, authorization: str, address: str) -> Caller:
        """Return the caller at `address`. Raises `Error`: unauthorized; busy if it cannot be identified now."""
        if self.is_administrator(authorization):
            return dataclasses.replace(_ADMINISTRATOR, address=address)
        token = presented_token(authorization)
        if not token:
            raise Error(ErrorCode.UNAUTHORIZED, f"send {self._accepted()} as `Authorization: Bearer …`")
        if len(token) > _MAX_LENGTH:
            raise Error(ErrorCode.UNAUTHORIZED, f"the token is too long: at most {_MAX_LENGTH} characters")
        if token.startswith(PREFIX):
            return await self._identify_api_token(token, address)
        if self._verifier is None:
            raise Error(ErrorCode.UNAUTHORIZED, f"the token is not known here; send {self._accepted()}")
        identity = await self._verifier.identify(token)
        kind = CallerKind.SERVICE if identity.is_service else CallerKind.USER
        return Caller(
            kind=kind,
            name=identity.email or identity.subject,
            email=identity.email,
            everywhere=identity.is_service,
            roles=await self._roles.get(identity.email) if identity.email else {},
            address=address,
        )

    async def _identify_api_token(self, secret: str, address: str) -> Caller:
        token = await self._tokens.get(digest(secret))
        now = self._now()
        if token is None or token.revoked_at is not None:
            raise Error(ErrorCode.UNAUTHORIZED, "the API token does not exist or was revoked")
        if not token.counts_at(now):
            raise Error(ErrorCode.UNAUTHORIZED, "the API token has expired")
        if self._usage:
            self._usage.note(token, now)
        # With the id, since users choose the names of tokens freely.
        name = f"token {token.id} of {token.email or token.project_uuid}: {token.name}"
        if token.project_uuid is not None:
            roles: Mapping[str, Role] = {token.project_uuid: token.role}
            return Caller(kind=CallerKind.PROJECT_TOKEN, name=name, roles=roles, ceiling=token.role, address=address)
        assert token.email is not None
        return Caller(
            kind=CallerKind.USER_TOKEN,
            name=name,
            email=token.email,
            ceiling=token.role,
            roles=await self._roles.get(token.email),
            manages_tokens=token.manage_tokens,
            expires_at=token.expires_at,
            address=address,
        )

    def _accepted(self) -> str:
        return "an API token or an identity token" if self._verifier else "the administrator's token or an API token"
