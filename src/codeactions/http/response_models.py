"""The JSON shapes of the API that are not domain objects as they stand."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from codeactions.domain.page import Page
from codeactions.domain.run import Run

_Item = TypeVar("_Item")


class ErrorBody(BaseModel):
    """What went wrong: a code from a closed set, and a sentence for people."""

    code: str
    message: str


class ErrorShape(BaseModel):
    """Every error answer; some carry further fields."""

    model_config = ConfigDict(extra="allow")
    error: ErrorBody


class CodeShape(BaseModel):
    """A code."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    type: str
    source: str
    language: str
    url: str | None
    project_uuid: str
    timeout: int = Field(description="Seconds")
    created_at: datetime
    updated_at: datetime


class ListedCodeShape(CodeShape):
    """A code in a list."""

    cut: list[Literal["source"]] = Field(
        [], description="Only there if the source did not fit: this is its beginning, `/code/{id}` has all of it"
    )


class AuthorizationShape(BaseModel):
    """That a user has a role in a project."""

    model_config = ConfigDict(from_attributes=True)
    email: str
    role: int


class ProjectShape(BaseModel):
    """A project, with who is in it."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    uuid: str
    name: str
    authorizations: list[AuthorizationShape]
    created_at: datetime
    updated_at: datetime


class PermissionShape(BaseModel):
    """The role of a user in a project."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    project_uuid: str
    email: str
    role: int
    created_at: datetime
    updated_at: datetime


class TokenShape(BaseModel):
    """An API token, without the token. `last_used_at` is true to a minute or so."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    email: str | None
    project_uuid: str | None
    role: int
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenMade(TokenShape):
    """A new API token: `token` is never shown again."""

    token: str


class ProtectionShape(BaseModel):
    """Who may call an endpoint."""

    code_id: UUID
    kind: str
    username: str | None = None
    header: str | None = None
    created_at: datetime
    updated_at: datetime


class ProtectionMade(ProtectionShape):
    """A new protection; `secret` if the server made one, which is never shown again."""

    secret: str | None = None


class AuditShape(BaseModel):
    """Who did what."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    at: datetime
    actor_kind: str
    actor: str
    address: str
    action: str
    thing: str
    thing_id: str
    project_uuid: str | None
    details: dict[str, Any]


class RunShape(BaseModel):
    """A run as it is recorded. `extra.result_encoding` and `extra.body_encoding` say if one is base64."""

    id: UUID
    code_id: UUID
    status: str
    result: str | None
    extra: dict[str, Any]
    params: dict[str, Any]
    body: str | None
    headers: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class ListedRunShape(RunShape):
    """A run in a list."""

    cut: list[Literal["body", "result"]] = Field(
        [], description="Only there if something did not fit: of that, this is the beginning; `/coderun/{id}` has all"
    )


class LogShape(BaseModel):
    """A log line."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    run_id: UUID
    code_id: UUID
    type: str
    content: str
    created_at: datetime


class PageShape(BaseModel, Generic[_Item]):
    """One page of a list, 20 items at the most."""

    data: list[_Item]
    total: int
    page: int
    last_page: int


class RunAnswer(BaseModel):
    """What `/run` answers."""

    code_id: UUID
    result: RunShape


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorShape, "description": description}
    for status, description in (
        (400, "Something in the request is wrong; the message says what"),
        (401, "The token, the credentials or the signature is missing or wrong"),
        (403, "Your role does not allow it"),
        (404, "There is no such thing"),
        (405, "The method is not possible here"),
        (409, "Somebody else changed it meanwhile"),
        (413, "Something is larger than it may be"),
        (429, "Too many calls; Retry-After and RateLimit-* say when to come back"),
        (500, "The run failed, or the server made a mistake"),
        (503, "No slot became free in time, or the database is away; Retry-After says when to come back"),
        (504, "The run took longer than its timeout"),
    )
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can fail in these ways, besides those any route can."""
    return {status: ERRORS[status] for status in sorted({400, 401, 429, 503, *statuses})}


def run_object(run: Run, *, traceback: bool) -> dict[str, Any]:
    """A run in plain JSON values; without the traceback where the caller is not its author."""
    values = asdict(run)
    for name in ("id", "code_id"):
        values[name] = str(values[name])
    for name in ("created_at", "updated_at"):
        values[name] = values[name].isoformat()
    error = values["extra"].get("error")
    if error and not traceback:
        values["extra"] = {**values["extra"], "error": {**error, "traceback": ""}}
    if not values.get("cut"):  # whatever is whole looks the same in a list and alone
        values.pop("cut", None)
    return values


def page_object(page: Page[Any], data: list[Any]) -> dict[str, Any]:
    """A page in plain JSON values."""
    return {"data": data, "total": page.total, "page": page.page, "last_page": page.last_page}
