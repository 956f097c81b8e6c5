"""Drafts of protections: what each kind of protection is made of."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from codeactions.domain.draft import Draft
from codeactions.domain.errors import invalid
from codeactions.domain.protection import DEFAULT_HEADER, Protection, ProtectionKind
from codeactions.domain.rules import Text, TextRule
from codeactions.domain.text import SHORT_TEXT, require_text

_LEAST_SECRET, _MOST_SECRET = 16, 1024  # characters


@dataclass(frozen=True, slots=True)
class _Secret(TextRule):
    """A password or a shared secret."""

    description: str = ""

    def check(self, value: Any, name: str) -> str:
        text = require_text(value, name, _MOST_SECRET)
        if len(text) < _LEAST_SECRET:
            raise invalid(f"{name} must have at least {_LEAST_SECRET} characters")
        return text

    def json_schema(self) -> dict[str, Any]:
        return {**Text(_MOST_SECRET, self.description).json_schema(), "minLength": _LEAST_SECRET}


@dataclass(frozen=True, slots=True)
class _Username(TextRule):
    """A user name that basic credentials can hold."""

    def check(self, value: Any, name: str) -> str:
        text = require_text(value, name, SHORT_TEXT)
        if ":" in text:
            raise invalid(f"{name} must not contain a colon: basic credentials end it there")
        return text

    def json_schema(self) -> dict[str, Any]:
        return {**Text(SHORT_TEXT).json_schema(), "pattern": "^[^:]*$"}


@dataclass(frozen=True, slots=True)
class _HeaderName(TextRule):
    """The name of a header; an empty one is the usual one."""

    def check(self, value: Any, name: str) -> str:
        text = require_text(DEFAULT_HEADER if value in (None, "") else value, name, SHORT_TEXT)
        if not all(character.isascii() and (character.isalnum() or character == "-") for character in text):
            raise invalid(f"{name} must be the name of a header, such as X-Hub-Signature-256")
        return text

    def json_schema(self) -> dict[str, Any]:
        description = f"The header of the signature; {DEFAULT_HEADER} when absent"
        return {
            "type": ["string", "null"],
            "maxLength": SHORT_TEXT,
            "pattern": "^[A-Za-z0-9-]*$",
            "description": description,
        }


_SharedSecret = Annotated[str, _Secret("What both sides know; made and shown once when absent")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenProtectionDraft(Draft):
    """A protection by token, to be made."""

    noun: ClassVar[str] = "token"


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicProtectionDraft(Draft):
    """A protection by user name and password, to be made."""

    noun: ClassVar[str] = "basic"
    username: Annotated[str, _Username()]
    password: Annotated[str, _Secret()] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacProtectionDraft(Draft):
    """A protection by signature, to be made. Without `secret` one is made."""

    noun: ClassVar[str] = "hmac"
    secret: Annotated[str, _Secret("What both sides know; made and shown once when absent")] | None = field(
        default=None, repr=False
    )
    header: Annotated[str, _HeaderName()] = DEFAULT_HEADER


ProtectionDraft = TokenProtectionDraft | BasicProtectionDraft | HmacProtectionDraft
PROTECTION_DRAFTS: Mapping[ProtectionKind, type[ProtectionDraft]] = {
    ProtectionKind.TOKEN: TokenProtectionDraft,
    ProtectionKind.BASIC: BasicProtectionDraft,
    ProtectionKind.HMAC: HmacProtectionDraft,
}


def read_protection_draft(fields: Mapping[str, Any]) -> ProtectionDraft:
    """Make a draft of values by name, of which `kind` says which. Raises `Error` (invalid)."""
    kind = fields.get("kind")
    if not isinstance(kind, str) or kind not in list(ProtectionKind):
        raise invalid("kind must be token, basic or hmac; to make the endpoint public again, delete its protection")
    rest = {name: value for name, value in fields.items() if name != "kind"}
    return PROTECTION_DRAFTS[ProtectionKind(kind)].read(rest)


def protection_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `read_protection_draft` takes."""
    schemas = []
    for kind, draft in PROTECTION_DRAFTS.items():
        schema = draft.json_schema()
        properties = {"kind": {"type": "string", "const": str(kind)}, **schema["properties"]}
        schemas.append({**schema, "properties": properties, "required": ["kind", *schema.get("required", [])]})
    return {"oneOf": schemas}


def new_protection(draft: ProtectionDraft, *, code_id: UUID, now: datetime) -> tuple[Protection, str | None]:
    """Make a protection of a draft, without its secret; and the password or shared secret in clear.

    A shared secret that is not given is made: 256 random bits.
    """
    bare = Protection(code_id=code_id, kind=ProtectionKind.TOKEN, created_at=now, updated_at=now)
    match draft:
        case BasicProtectionDraft():
            return replace(bare, kind=ProtectionKind.BASIC, username=draft.username), draft.password
        case HmacProtectionDraft():
            secret = draft.secret or base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
            return replace(bare, kind=ProtectionKind.HMAC, header=draft.header), secret
        case TokenProtectionDraft():
            return bare, None
