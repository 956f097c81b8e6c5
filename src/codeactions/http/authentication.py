"""Who is calling: for now the administrator, by the one token, or nobody."""

import base64
import binascii
import hmac

from fastapi import Request
from fastapi.security import HTTPBearer

from codeactions.domain.errors import Error, ErrorCode

# Only for the OpenAPI document; the header is read here, since it may hold the token in other ways too.
bearer_scheme = HTTPBearer(auto_error=False, description="The administrator's token")


def presented_token(authorization: str) -> str:
    """The token in an Authorization header: `Token X`, `Bearer X`, bare `X`, or Basic with X as the password."""
    scheme, _, rest = authorization.strip().partition(" ")
    match scheme.lower():
        case "token" | "bearer":
            return rest.strip()
        case "basic":
            try:
                return base64.b64decode(rest, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
    return authorization.strip()


def is_administrator(authorization: str, token: str) -> bool:
    """Whether an Authorization header holds the administrator's token; takes as long for a near miss."""
    presented = presented_token(authorization).encode("utf-8", "replace")
    return bool(presented) and hmac.compare_digest(presented, token.encode())


async def require_administrator(request: Request) -> None:
    """Dependency of every route that is not public. Raises `Error` (unauthorized)."""
    if not is_administrator(request.headers.get("authorization", ""), request.app.state.services.token):
        raise Error(ErrorCode.UNAUTHORIZED, "send the administrator's token as `Authorization: Token …`")
