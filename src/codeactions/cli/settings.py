"""Every setting of the server, from the environment. docs/settings.md lists them; a test keeps it complete."""

import socket
from pathlib import Path

import platformdirs
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from codeactions.domain.errors import invalid
from codeactions.execution.executor import Admission
from codeactions.execution.sandboxed import OutputLimits
from codeactions.runtimes.python import runtime as python
from codeactions.sandbox.config import LauncherConfig, Limits

_MB = 1024 * 1024


class Settings(BaseSettings):
    """The values in force. Environment variables are the names in capitals after `CODEACTIONS_`."""

    model_config = SettingsConfigDict(env_prefix="CODEACTIONS_", populate_by_name=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8050, ge=0, le=65535, description="Port to listen on; 0 takes any free one")
    data_dir: Path = Field(
        Path(platformdirs.user_data_dir("codeactions")),
        description="Folder of the embedded database and the token",
    )
    database_url: str | None = Field(
        None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="PostgreSQL to use instead of the embedded one (the name has no prefix)",
    )
    auth_token: str | None = Field(
        None, min_length=16, description="The administrator's token; made at first start when absent"
    )
    node: str = Field(socket.gethostname(), min_length=1, max_length=255, description="This node's name in records")
    examples: bool = Field(True, description="Deploy the examples when the database is new")

    slots: int = Field(64, ge=1, le=1024, description="Runs at a time")
    warm: int = Field(4, ge=0, le=1024, description="Sandboxes kept ready for a call")
    memory_mb: int = Field(256, ge=32, description="Memory of a run, its files in /tmp included")
    processes: int = Field(64, ge=1, description="Processes and threads of a run")
    tmp_mb: int = Field(64, ge=1, description="Files a run may hold in /tmp")
    open_files: int = Field(256, ge=16, description="Files a run may have open")
    result_mb: float = Field(10, gt=0, le=512, description="Size of a result")
    log_lines: int = Field(1000, ge=0, description="Log lines kept of a run; further ones are counted")
    log_characters: int = Field(8000, ge=80, le=100_000, description="Characters kept of a log line")
    log_mb: float = Field(16, gt=0, description="What a run may write to its log before it is ended")

    body_mb: float = Field(10, gt=0, le=512, description="Size of a call's body")
    body_seconds: float = Field(30, gt=0, description="Time a request's body may take to arrive")
    queue: int = Field(256, ge=0, description="Calls that may wait for a slot")
    queue_seconds: float = Field(10, gt=0, description="Time a call may wait for a slot")
    requests: int = Field(2048, ge=1, description="Requests in flight, waiting ones included")
    record_seconds: float = Field(10, gt=0, description="Time the end of a run may wait for an absent database")
    stop_seconds: float = Field(10, ge=0, description="Time that runs get to end when the server stops")
    masked_headers: str = Field(
        "authorization,cookie,proxy-authorization,x-api-key",
        description="Request headers whose values are not recorded, separated by commas",
    )
    log_format: str = Field("auto", pattern="^(auto|json|text)$", description="auto is text on a terminal, else json")

    @field_validator("database_url", "auth_token", mode="before")
    @classmethod
    def _empty_is_absent(cls, value: str | None) -> str | None:
        return value or None

    def launcher(self, *, insecure: bool = False, slots: int | None = None) -> LauncherConfig:
        """What the launcher is told; `slots` in place of the setting."""
        return LauncherConfig(
            slots=slots or self.slots,
            limits=Limits(
                memory_bytes=self.memory_mb * _MB,
                processes=self.processes,
                tmp_bytes=self.tmp_mb * _MB,
                open_files=self.open_files,
            ),
            exposed=python.exposed_paths(),
            hidden=python.hidden_paths(),
            zygotes={python.NAME: python.ZYGOTE_MODULE},
            insecure=insecure,
        )

    def output_limits(self) -> OutputLimits:
        """What a run may put out."""
        return OutputLimits(
            result_bytes=int(self.result_mb * _MB),
            log_lines=self.log_lines,
            log_characters=self.log_characters,
            log_bytes=int(self.log_mb * _MB),
        )

    def admission(self) -> Admission:
        """Who may wait for a slot."""
        return Admission(most_waiting=self.queue, wait_seconds=self.queue_seconds)

    def masked_header_names(self) -> frozenset[str]:
        """`masked_headers` as a set of lower-case names."""
        return frozenset(name.strip().lower() for name in self.masked_headers.split(",") if name.strip())


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return "DATABASE_URL" if name == "database_url" else f"CODEACTIONS_{name.upper()}"


def read_settings(**given: object) -> Settings:
    """The settings of the environment, overridden by those given that are not None.

    Raises `Error` (invalid) that names the variable and what is wrong, never its value: it may be a secret.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0])
        name = place if place.isupper() else variable(place)
        raise invalid(f"{name}: {first['msg']}") from None
