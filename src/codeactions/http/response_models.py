"""The JSON of answers: what each of them holds, for the OpenAPI document and for what is sent."""

from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema, field_validator

from codeactions.domain.errors import ErrorCode
from codeactions.domain.moment import StoredTime, stored_text_of, text_of
from codeactions.domain.run import ErrorType, Run

_Item = TypeVar("_Item")
_TIME = {"type": "string", "format": "date-time", "description": "UTC, such as 2026-11-23T06:00:00.000000Z"}
_NO_TIME = {"type": "null", "description": "Only in rows that another program wrote"}
Time = Annotated[datetime, PlainSerializer(text_of, when_used="json"), WithJsonSchema(_TIME, mode="serialization")]
# Of rows that another program may have written.
StoredTimeText = Annotated[
    StoredTime,
    PlainSerializer(stored_text_of, when_used="json"),
    WithJsonSchema({"anyOf": [_TIME, _NO_TIME]}, mode="serialization"),
]
_StoredObject = Annotated[
    dict[str, Any] | Any, Field(description="An object; of a run that another program recorded, any JSON")
]


class _Model(BaseModel):
    """Base of the models: made of domain objects as they stand."""

    model_config = ConfigDict(from_attributes=True)


class ErrorBody(_Model):
    """An error: a code from a closed set, and a sentence for people."""

    code: ErrorCode
    message: str


class CodeModel(_Model):
    """A code."""

    id: UUID
    name: str | None
    type: str | None
    source: str | None
    language: str | None
    url: str | None
    project_uuid: str | None
    timeout: int | None = Field(description="Seconds")
    timezone: str | None = Field(description="Time zone of the runs; null is the server's CODEACTIONS_TIMEZONE")
    description: str | None
    mask_result: bool = Field(description="Whether values of secrets are masked in recorded results, too")
    version: int = Field(description="Number of the current version of the source")
    created_at: StoredTimeText
    updated_at: StoredTimeText


class ListedCodeModel(CodeModel):
    """A code in a list."""

    cut: list[Literal["source"]] = Field(
        [], description="Only there if the source did not fit: this is its beginning, `/code/{id}` has all of it"
    )


class AuthorizationModel(_Model):
    """A user's role in a project."""

    email: str
    role: int


class ProjectModel(_Model):
    """A project, with its users."""

    id: UUID
    uuid: str | None
    name: str | None
    authorizations: list[AuthorizationModel] | Any = Field(
        validation_alias="stored",
        description="As stored. An entry of another form, or with another role than 1, 2 and 3, gives no right",
    )
    created_at: StoredTimeText
    updated_at: StoredTimeText

    @field_validator("authorizations", mode="plain")
    @classmethod
    def _as_it_is(cls, value: Any) -> Any:
        return value


class PermissionModel(_Model):
    """The role of a user in a project."""

    id: UUID
    project_uuid: str | None
    email: str | None
    role: int | None = Field(description="Another number than 1, 2 and 3 gives no right")
    created_at: StoredTimeText
    updated_at: StoredTimeText


class TokenModel(_Model):
    """An API token, without its text. `last_used_at` is exact to a minute or so."""

    id: UUID
    name: str
    email: str | None
    project_uuid: str | None
    role: int
    manage_tokens: bool = Field(description="Whether it may manage tokens of the projects that its user moderates")
    created_by: str
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None


class NewTokenModel(TokenModel):
    """A new API token: `token` is its text, which is never shown again."""

    token: str


class ProtectionModel(_Model):
    """The protection of an endpoint: its way to authenticate callers."""

    code_id: UUID
    kind: str
    username: str | None = None
    header: str | None = None
    created_at: Time
    updated_at: Time


class NewProtectionModel(ProtectionModel):
    """A new protection; `secret` if the server made one, which is never shown again."""

    secret: str | None = None


class AuditModel(_Model):
    """A change: its actor, what was changed, and how."""

    id: UUID
    at: Time
    actor_kind: str
    actor: str
    address: str
    action: str
    thing: str
    thing_id: str
    project_uuid: str | None
    details: dict[str, Any]


class RunModel(_Model):
    """A run as it is recorded. `extra.result_encoding` and `extra.body_encoding` say if one is base64."""

    id: UUID
    code_id: UUID | None
    status: str | None
    result: str | None
    extra: _StoredObject
    params: _StoredObject
    body: str | None
    headers: _StoredObject
    created_at: StoredTimeText
    updated_at: StoredTimeText


class ListedRunModel(RunModel):
    """A run in a list."""

    cut: list[Literal["body", "result"]] = Field(
        [], description="Only there if something did not fit: of that, this is the beginning; `/coderun/{id}` has all"
    )


class LogModel(_Model):
    """A log line."""

    id: UUID
    run_id: UUID
    code_id: UUID
    type: str = Field(description="The level: `debug`, `info`, `warning` or `error`")
    content: str
    created_at: Time


class PageModel(_Model, Generic[_Item]):
    """One page of a list, 20 items at the most."""

    data: list[_Item]
    total: int
    page: int
    last_page: int


class RunAnswerModel(_Model):
    """The answer of `/run`."""

    code_id: UUID
    result: RunModel


class QuotaModel(_Model):
    """A limit in calls a minute, how many are left, and the seconds until all of them are."""

    limit: int
    remaining: int
    reset_seconds: int


class ErrorModel(_Model):
    """Every error answer. The fields after `error` are there for some errors only."""

    error: ErrorBody
    run_id: UUID | None = Field(None, description="Of a run that failed")
    error_type: ErrorType | None = Field(None, description="Of a run that failed, and of a source that is refused")
    line: int | None = Field(None, description="Of the mistake in a source, from 1")
    column: int | None = Field(None, description="Of the mistake in a source, from 1")
    retry_after: float | None = Field(None, description="Seconds, as in Retry-After")
    quota: QuotaModel | None = Field(None, description="Of the limit that is used up")
    code_id: UUID | None = Field(None, description="At `/run`, of a run that failed")
    result: RunModel | None = Field(None, description="At `/run`, of a run that failed: the run")


class HealthPartModel(_Model):
    """A part of the server. Further fields tell more of it."""

    model_config = ConfigDict(extra="allow")
    state: str = Field(description="`ok`, or `down`")
    latency_ms: float
    reason: str | None = Field(None, description="Why it is down")


class HealthModel(_Model):
    """The server and its parts."""

    status: Literal["ok", "failing"]
    version: str
    parts: dict[str, HealthPartModel]


class LiveModel(_Model):
    """The process answers."""

    status: Literal["ok"]


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorModel, "description": description}
    for status, description in (
        (400, "Something in the request is wrong; the message says what"),
        (401, "The token, the credentials or the signature is missing or wrong"),
        (403, "Your role does not allow it"),
        (404, "It does not exist, or you may not know of it"),
        (405, "The method is not possible here"),
        (409, "It was changed meanwhile, or does not go together with what is there"),
        (413, "Something is larger than allowed"),
        (429, "Too many calls; Retry-After and RateLimit-* say when to come back"),
        (500, "The run failed, or an internal error; see the server log"),
        (503, "No slot became free in time, or the database is away; Retry-After says when to come back"),
        (504, "The run took longer than its timeout"),
    )
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that can fail with these statuses, besides those of every route."""
    return {status: ERRORS[status] for status in sorted({400, 401, 429, 503, *statuses})}


def run_object(run: Run, *, traceback: bool) -> dict[str, Any]:
    """Return a run in plain JSON values; without the traceback if the caller need not be the code's author."""
    values = {field.name: getattr(run, field.name) for field in fields(run)}
    for name in ("id", "code_id"):
        values[name] = None if values[name] is None else str(values[name])
    for name in ("created_at", "updated_at"):
        values[name] = stored_text_of(values[name])
    extra = values["extra"]
    error = extra.get("error") if isinstance(extra, dict) else None
    if isinstance(error, dict) and not traceback:
        values["extra"] = {**extra, "error": {**error, "traceback": ""}}
    if not values.get("cut"):  # a run that is whole looks the same in a list and alone
        values.pop("cut", None)
    return values
