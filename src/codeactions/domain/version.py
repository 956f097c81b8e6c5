"""A version: one source that a code has had, by its number."""

from dataclasses import dataclass
from typing import Annotated, ClassVar
from uuid import UUID

from codeactions.domain.draft import Draft
from codeactions.domain.errors import Error, not_found
from codeactions.domain.ids import AnyId
from codeactions.domain.moment import StoredTime
from codeactions.domain.rules import OptionalText, WholeNumber

HIGHEST_NUMBER = 2**31 - 1
MESSAGE_LIMIT = 500  # characters
Message = Annotated[str, OptionalText(MESSAGE_LIMIT, "Why the source is changed: kept with its version")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """A version without its source.

    size: bytes of the source. author, message, artifact: the caller that deployed it, the caller's words, and the key
    of what was built; None if another program made it, or there is none. current: whether it is the code's now.
    """

    code_id: UUID
    number: int
    language: str | None
    source_sha256: str
    size: int
    author: str | None
    message: str | None
    artifact: str | None
    current: bool
    created_at: StoredTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(ListedVersion):
    """A version as it is stored. source: None only where another program wrote none."""

    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDiff:
    """The changes from one version to another. against: None if there is none before. diff: in the unified format."""

    code_id: UUID
    number: int
    against: int | None
    language: str | None
    against_language: str | None
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackDraft(Draft):
    """A wish to go back to a version."""

    noun: ClassVar[str] = "a rollback"
    version: Annotated[int, WholeNumber(1, HIGHEST_NUMBER, description="Number of the version that becomes current")]
    message: Annotated[str, OptionalText(MESSAGE_LIMIT, "Why: noted in the audit log")] | None = None


def version_not_found(code_id: AnyId, number: int) -> Error:
    """Return the error for a version that a code has never had, or no longer has."""
    return not_found(f"code {code_id} has no version {number}; only the newest are kept")
