"""The JSON of versions in answers."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from codeactions.http.response_models import StoredTimeText


class ListedVersionModel(BaseModel):
    """A version of a code, in a list."""

    model_config = ConfigDict(from_attributes=True)
    code_id: UUID
    number: int
    language: str | None
    source_sha256: str
    size: int = Field(description="Bytes of the source")
    author: str | None = Field(description="The caller that made it; null if another program did")
    message: str | None
    artifact: str | None = Field(description="Key of what was built of it, as in `extra.artifact` of its runs")
    current: bool = Field(description="Whether it is what runs now")
    created_at: StoredTimeText


class VersionModel(ListedVersionModel):
    """A version of a code."""

    source: str | None


class VersionDiffModel(BaseModel):
    """The changes from one version of a code to another."""

    model_config = ConfigDict(from_attributes=True)
    code_id: UUID
    number: int
    against: int | None = Field(description="The other version; null if there is none before")
    language: str | None
    against_language: str | None
    diff: str = Field(description="A unified diff; empty if the sources are the same")
