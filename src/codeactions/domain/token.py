"""API tokens: their format, their owner and their validity."""

import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from codeactions.domain.errors import invalid
from codeactions.domain.project import parse_email
from codeactions.domain.role import Role, parse_role
from codeactions.domain.text import require_text

PREFIX = "ca_"
_RANDOM_BYTES = 32
SECRET_CHARACTERS = 43  # after the prefix
_FIELDS = ("name", "email", "project_uuid", "role", "expires_in_days", "expires_at")
_MOST_DAYS = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token as it is stored: by its SHA-256, never the token itself.

    email: the user of a user's token. project_uuid: the project of a project's token. Exactly one of the two is set.
    role: the role of a project's token; for a user's token the highest role that it may use, whatever the user's is.
    last_used_at: exact to a minute.
    """

    id: UUID
    name: str
    sha256: bytes
    email: str | None
    project_uuid: str | None
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def counts_at(self, now: datetime) -> bool:
        """Return whether the token is valid at a time: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def make_secret() -> str:
    """Make a token that cannot be guessed. It is shown once and never stored."""
    return PREFIX + urlsafe_b64encode(os.urandom(_RANDOM_BYTES)).decode().rstrip("=")


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a token, which is all that is stored. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def new_token(
    fields: Mapping[str, Any],
    secret: str,
    *,
    id: UUID,  # noqa: A002
    created_by: str,
    now: datetime,
) -> ApiToken:
    """Make a token from the fields of a request. Raises `Error` (invalid)."""
    for name in fields:
        if name not in _FIELDS:
            raise invalid(f"unknown field {name[:64]!r}; the fields of a token are {', '.join(_FIELDS)}")
    email, project = fields.get("email"), fields.get("project_uuid")
    if (email is None) == (project is None):
        raise invalid("give either email, for a token of a user, or project_uuid, for a token of a project")
    return ApiToken(
        id=id,
        name=require_text(fields.get("name"), "name", 255),
        sha256=digest(secret),
        email=None if email is None else parse_email(email),
        project_uuid=None if project is None else require_text(project, "project_uuid", 255),
        role=parse_role(fields.get("role", Role.MODERATOR if project is None else None)),
        created_by=created_by,
        created_at=now,
        expires_at=_expiry(fields, now),
    )


def _expiry(fields: Mapping[str, Any], now: datetime) -> datetime | None:
    days, moment = fields.get("expires_in_days"), fields.get("expires_at")
    if days is not None and moment is not None:
        raise invalid("give expires_in_days or expires_at, not both")
    if days is not None:
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _MOST_DAYS:
            raise invalid(f"expires_in_days must be a whole number from 1 to {_MOST_DAYS}")
        return now + timedelta(days=days)
    if moment is None:
        return None
    try:
        found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        if not isinstance(found, datetime) or found.tzinfo is None:
            raise ValueError
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid("expires_at must be a time with a time zone, such as 2026-11-23T06:00:00Z") from None
    if found <= now:
        raise invalid("expires_at must be in the future")
    return found
