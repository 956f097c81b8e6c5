"""The JSON of secrets and variables in answers. A secret's value is in none of them."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field

from codeactions.domain.secret_forms import LEAST_BYTES
from codeactions.http.response_models import Time
from codeactions.runtimes.environment import is_environment_name

_NOT_MASKED = (
    f"values under {LEAST_BYTES} bytes are not masked: logs, errors and results that hold this one are recorded as "
    "they are"
)


class _NamedValueModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    project_uuid: str
    name: str
    code_ids: list[UUID] | None = Field(description="The codes that get it; null is every code of the project")
    created_at: Time
    updated_at: Time

    @computed_field(description="Whether it is an environment variable, too; else only the engine knows it")  # type: ignore[prop-decorator]
    @property
    def in_environment(self) -> bool:
        """Whether runs see it in their environment."""
        return is_environment_name(self.name)


class SecretModel(_NamedValueModel):
    """A secret, without its value, which is never shown."""

    masked: bool = Field(validation_alias="is_masked", description="Whether *** is in its place in the record of runs")

    @computed_field(description="Only if it is not masked: why")  # type: ignore[prop-decorator]
    @property
    def note(self) -> str | None:
        """The reason why it is not masked."""
        return None if self.masked else _NOT_MASKED


class VariableModel(_NamedValueModel):
    """A variable, with its value."""

    value: str = Field(validation_alias="plain")
