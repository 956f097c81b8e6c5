"""A code: a stored function of a project that runs as a step of a flow or as an HTTP endpoint."""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.parse import urlsplit
from uuid import UUID

from codeactions.domain.draft import UNSET, Draft, Unset
from codeactions.domain.errors import Error, ErrorCode, invalid, not_found
from codeactions.domain.ids import AnyId
from codeactions.domain.moment import StoredTime
from codeactions.domain.rules import Flag, OneOf, OptionalText, Text, TextRule, WholeNumber
from codeactions.domain.text import SHORT_TEXT, require_storable, require_text
from codeactions.domain.version import Message

CodeType = Literal["flow", "endpoint"]
TYPES: tuple[str, ...] = get_args(CodeType)
SOURCE_LIMIT = 1024 * 1024  # bytes of UTF-8
TIMEOUT_DEFAULT, TIMEOUT_LEAST, TIMEOUT_MOST = 60, 5, 300  # seconds
_LONGEST_URL = 512
DEFAULT_TIMEZONE = "UTC"
"""The time zone of runs, unless a code or the server's setting says otherwise."""
_LONGEST_TIMEZONE = 64
_LONGEST_DESCRIPTION = 2000
_OF_VERSION = "message"


@dataclass(frozen=True, slots=True)
class _Url(TextRule):
    """An address of the web; an empty one is none."""

    def check(self, value: Any, name: str) -> str | None:
        if value == "":
            return None
        text = require_text(value, name, _LONGEST_URL)
        try:
            scheme = urlsplit(text).scheme
        except ValueError:
            scheme = ""
        if scheme not in ("http", "https"):
            raise invalid(f"{name} must begin with http:// or https://")
        return text

    def json_schema(self) -> dict[str, Any]:
        description = "http:// or https://; kept as a note. Empty takes it away"
        return {"type": "string", "maxLength": _LONGEST_URL, "description": description}


@dataclass(frozen=True, slots=True)
class _Source(TextRule):
    """The text of a function."""

    def check(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or not value.strip():
            raise invalid(f"{name} must not be empty: send the function's source as the body")
        require_storable(value, name)
        size = len(value.encode())
        if size > SOURCE_LIMIT:
            raise Error(ErrorCode.TOO_LARGE, f"{name} must have at most {SOURCE_LIMIT} bytes, not {size}")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "description": f"At most {SOURCE_LIMIT} bytes of UTF-8"}


_Name = Annotated[str, Text(SHORT_TEXT)]
_Type = Annotated[str, OneOf(TYPES)]
LanguageName = Annotated[str, Text(50, "Name of a language")]  # which there are, the runtimes know
SourceText = Annotated[str, _Source()]
_ProjectUuid = Annotated[str, Text(SHORT_TEXT)]
_UrlText = Annotated[str, _Url()]
TimezoneText = Annotated[
    str,
    OptionalText(
        _LONGEST_TIMEZONE,
        "Time zone of the runs, such as America/Sao_Paulo. Without one, or empty, it is the server's",
    ),
]
_DescriptionText = Annotated[str, OptionalText(_LONGEST_DESCRIPTION, "What the code is for. Empty takes it away")]
_MaskResult = Annotated[bool, Flag("Whether values of secrets are masked in the recorded results of its runs, too")]
Timeout = Annotated[int, WholeNumber(TIMEOUT_LEAST, TIMEOUT_MOST, " of seconds", "Seconds")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code as it is stored.

    timeout: in seconds. url: a note for the team; the server never calls it. timezone: of its runs' clock; None is the
    server's. description: what it is for. mask_result: whether values of secrets are masked in recorded results.
    version: the number of its source; None of one that is only tried. This server writes no None but for `url`,
    `timezone` and `description`, and only what `CodeDraft` takes; other programs may have written anything.
    """

    id: UUID
    name: str | None
    type: str | None
    source: str | None
    language: str | None
    url: str | None
    project_uuid: str | None
    timeout: int | None
    timezone: str | None = None
    description: str | None = None
    mask_result: bool = True
    version: int | None = 1
    created_at: StoredTime
    updated_at: StoredTime

    @property
    def seconds(self) -> int:
        """The time limit of a run: `timeout`, or what comes closest to it where that is none."""
        wanted = self.timeout or 0
        return min(wanted, TIMEOUT_MOST) if wanted > 0 else TIMEOUT_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDraft(Draft):
    """A code to be made. message: of its first version."""

    noun: ClassVar[str] = "a code"
    name: _Name
    type: _Type
    source: SourceText
    language: LanguageName
    url: _UrlText | None = None
    project_uuid: _ProjectUuid
    timeout: Timeout = TIMEOUT_DEFAULT
    timezone: TimezoneText | None = None
    description: _DescriptionText | None = None
    mask_result: _MaskResult = True
    message: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChange(Draft):
    """A change of a code. None takes `url`, `timezone` and `description` away.

    message: of the new version, if the change makes one.
    """

    noun: ClassVar[str] = "a code"
    name: _Name | Unset = UNSET
    type: _Type | Unset = UNSET
    source: SourceText | Unset = UNSET
    language: LanguageName | Unset = UNSET
    url: _UrlText | Unset | None = UNSET
    project_uuid: _ProjectUuid | Unset = UNSET
    timeout: Timeout | Unset = UNSET
    timezone: TimezoneText | Unset | None = UNSET
    description: _DescriptionText | Unset | None = UNSET
    mask_result: _MaskResult | Unset = UNSET
    message: Message | Unset | None = UNSET


def new_code(draft: CodeDraft, *, id: UUID, now: datetime) -> Code:  # noqa: A002
    """Make a code of a draft."""
    return Code(id=id, created_at=now, updated_at=now, **_stored(draft))


def changed_code(code: Code, change: CodeChange, *, now: datetime) -> Code:
    """Return the code with only the given fields changed. Raises `Error` (invalid) when no field is given."""
    values = _stored(change)
    if not values:
        names = ", ".join(field.name for field in fields(change) if field.name != _OF_VERSION)
        raise invalid(f"nothing to change: give one or more of {names}, or a source as the body")
    return replace(code, updated_at=now, **values)


def _stored(draft: CodeDraft | CodeChange) -> dict[str, Any]:
    """Return the given fields that are of the code itself, by name."""
    return {name: value for name, value in draft.given().items() if name != _OF_VERSION}


def code_not_found(code_id: AnyId) -> Error:
    """Return the error for a code that does not exist, or that the caller may not know of.

    code_id: as the caller gave it: another of its ids would tell that it exists.
    """
    return not_found(f"there is no code {code_id}")


def endpoint_not_found(code_id: object) -> Error:
    """Return the error for an endpoint that does not exist; the same for a flow and for one the caller may not see."""
    return not_found(f"there is no endpoint {code_id}")
