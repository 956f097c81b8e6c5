"""API tokens: their format, their owner and their validity."""

import hashlib
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

from codeactions.domain.draft import UNSET, Draft, Unset
from codeactions.domain.errors import Error, invalid, not_found
from codeactions.domain.moment import text_of
from codeactions.domain.project import Email
from codeactions.domain.role import Role, RoleRule, missing_role
from codeactions.domain.rules import Flag, Text, TextRule, WholeNumber
from codeactions.domain.text import SHORT_TEXT

PREFIX = "ca_"
_RANDOM_BYTES = 32
SECRET_CHARACTERS = 43  # after the prefix
_MOST_DAYS = 3650
_MANAGE_TOKENS = (
    "Whether a user's token may make, list and revoke the tokens of the projects that its user moderates. "
    "Only the administrator gives this right"
)


@dataclass(frozen=True, slots=True)
class _Moment(TextRule):
    """A time with its zone, as text or as a `datetime`."""

    def check(self, value: Any, name: str) -> datetime:
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else value
            if not isinstance(found, datetime) or found.tzinfo is None:
                raise ValueError
            return found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise invalid(f"{name} must be a time with a time zone, such as 2026-11-23T06:00:00Z") from None

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token as it is stored: by its SHA-256, never the token itself.

    email: the user of a user's token. project_uuid: the project of a project's token. Exactly one of the two is set.
    role: the role of a project's token; for a user's token the highest role that it may use, whatever the user's is.
    manage_tokens: whether a user's token may manage the tokens of the projects that its user moderates.
    last_used_at: exact to a minute.
    """

    id: UUID
    name: str
    sha256: bytes
    email: str | None
    project_uuid: str | None
    role: Role
    manage_tokens: bool = False
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def counts_at(self, now: datetime) -> bool:
        """Return whether the token is valid at a time: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDraft(Draft):
    """A token to be made, of a user or of a project. A project's needs a role. Without an expiry it never expires."""

    noun: ClassVar[str] = "a token"
    name: Annotated[str, Text(SHORT_TEXT)]
    email: Annotated[str, Email("The user it stands for; without this and project_uuid: you")] | None = None
    project_uuid: Annotated[str, Text(SHORT_TEXT, "The project it belongs to, in place of email")] | None = None
    role: Annotated[Role, RoleRule()] | Unset = UNSET
    manage_tokens: Annotated[bool, Flag(_MANAGE_TOKENS)] = False
    expires_in_days: Annotated[int, WholeNumber(1, _MOST_DAYS)] | None = None
    expires_at: Annotated[datetime, _Moment()] | None = None


def make_secret() -> str:
    """Return the text of a new token, which cannot be guessed. It is shown once and never stored."""
    return PREFIX + urlsafe_b64encode(os.urandom(_RANDOM_BYTES)).decode().rstrip("=")


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a token, which is what is stored. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def new_token(
    draft: TokenDraft,
    secret: str,
    *,
    id: UUID,  # noqa: A002
    created_by: str,
    now: datetime,
    latest: datetime | None = None,
) -> ApiToken:
    """Make a token of a draft. Raises `Error` (invalid) for fields that do not go together.

    latest: the time that the token may not outlive, which is its expiry if the draft has none; None if it may.
    """
    if (draft.email is None) == (draft.project_uuid is None):
        raise invalid("give either email, the user it stands for, or project_uuid, the project it belongs to")
    if draft.role is UNSET and draft.project_uuid is not None:
        raise missing_role()
    role = Role.MODERATOR if draft.role is UNSET else draft.role
    if draft.manage_tokens and (draft.email is None or role is not Role.MODERATOR):
        raise invalid("manage_tokens goes together with email and the role moderator: only moderators manage tokens")
    return ApiToken(
        id=id,
        name=draft.name,
        sha256=digest(secret),
        email=draft.email,
        project_uuid=draft.project_uuid,
        role=role,
        manage_tokens=draft.manage_tokens,
        created_by=created_by,
        created_at=now,
        expires_at=_expiry(draft, now, latest),
    )


def token_not_found(token_id: UUID) -> Error:
    """Return the error for a token that does not exist, or that the caller may not know of."""
    return not_found(f"there is no token {token_id}")


def _expiry(draft: TokenDraft, now: datetime, latest: datetime | None) -> datetime | None:
    found = _asked_expiry(draft, now)
    if latest is not None and found is not None and found > latest:
        raise invalid(f"the token must expire at {text_of(latest)} at the latest, as the token that makes it does")
    return found or latest


def _asked_expiry(draft: TokenDraft, now: datetime) -> datetime | None:
    if draft.expires_in_days is not None and draft.expires_at is not None:
        raise invalid("give expires_in_days or expires_at, not both")
    if draft.expires_in_days is not None:
        return now + timedelta(days=draft.expires_in_days)
    if draft.expires_at is not None and draft.expires_at <= now:
        raise invalid("expires_at must be in the future")
    return draft.expires_at
