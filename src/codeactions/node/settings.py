"""The settings of the server, from environment variables. docs/settings.md lists them all, as a test checks."""

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from codeactions.domain.access import FLOWS_RULES, USUAL_RULES, RoleRules
from codeactions.domain.code import DEFAULT_TIMEZONE
from codeactions.domain.errors import Error, invalid
from codeactions.domain.job import Admission, OutputLimits
from codeactions.domain.masked_names import DEFAULT_MASKED_PARAMS
from codeactions.events.config import EventsConfig
from codeactions.execution.local import BUILD_ZYGOTE
from codeactions.runtimes.registry import DEFAULT_SETTING, Registry, find
from codeactions.runtimes.timezones import checked as checked_timezone
from codeactions.sandbox.config import LauncherConfig, Limits, ZygoteSpec

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from codeactions.identity.oidc import OidcConfig

_MB = 1024 * 1024
# Builds have limits of their own, since compilers need more than runs.
_BUILD_SLOTS = 2
_BUILD_LIMITS = Limits(memory_bytes=1024 * _MB, processes=256, tmp_bytes=512 * _MB, open_files=1024)


class Settings(BaseSettings):
    """The values of all settings. The variable of a setting is `CODEACTIONS_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="CODEACTIONS_", populate_by_name=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8050, ge=0, le=65535, description="Port to listen on; 0 takes any free one")
    trusted_proxies: str = Field(
        "",
        description="Addresses of proxies whose X-Forwarded-For and -Proto are trusted, comma-separated; * trusts all",
    )
    endpoint_host: str | None = Field(
        None,
        description="Host name that serves endpoints and nothing else; by default every name serves everything",
    )
    cors_origins: str = Field(
        "", description="Origins whose pages may call the server from a browser, separated by commas; * allows all"
    )
    data_dir: Path = Field(
        Path(platformdirs.user_data_dir("codeactions")),
        description="Folder of the embedded database, the token and the keys",
    )
    database_url: str | None = Field(
        None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="PostgreSQL to use instead of the embedded database (this name has no prefix)",
    )
    auth_token: str | None = Field(
        None, min_length=16, description="The administrator's token; made at the first start if absent"
    )
    secret_key: str | None = Field(
        None,
        min_length=16,
        description="Encrypts stored secrets; the same on all servers of a database; made at the first start if absent;"
        " several keys are separated by commas: the first encrypts, all decrypt",
    )
    oidc_issuer: str | None = Field(
        None, description="Issuer of identity tokens, such as https://id.example.com/realms/a"
    )
    oidc_audience: str | None = Field(
        None, description="Audience that identity tokens must have; required with an issuer"
    )
    oidc_jwks_url: str | None = Field(None, description="Address of the issuer's keys; by default found by discovery")
    oidc_email_claim: str = Field(
        "email", min_length=1, description="Claim with the email address that permissions refer to"
    )
    oidc_service_claim: str | None = Field(
        None, description="Claim that marks an internal service, which may do everything, as name or name=value"
    )
    oidc_leeway: float = Field(30, ge=0, le=300, description="Seconds by which clocks may differ")
    oidc_userinfo: bool = Field(False, description="Look up tokens that are not JWTs at the issuer's userinfo endpoint")
    rate_code: int = Field(600, ge=0, description="Calls of a code per minute; 0 is no limit")
    rate_caller: int = Field(600, ge=0, description="Calls by a caller per minute; 0 is no limit")
    rate_storage: str = Field(
        "memory", description="Where calls are counted: memory, or redis://… for several servers together"
    )
    events_url: str | None = Field(None, description="RabbitMQ with the messages of the identity system, amqp://…")
    events_projects_exchange: str = Field(
        "projects.topic", min_length=1, description="Exchange of messages about projects"
    )
    events_projects_queue: str = Field(
        "code-actions.projects", min_length=1, description="Queue of messages about projects"
    )
    events_permissions_exchange: str = Field(
        "permissions.topic", min_length=1, description="Exchange of messages about permissions"
    )
    events_permissions_queue: str = Field(
        "code-actions-permissions", min_length=1, description="Queue of messages about permissions"
    )
    events_routing_key: str = Field("#", min_length=1, description="Routing key with which both queues are bound")
    node: str = Field(socket.gethostname(), min_length=1, max_length=255, description="This node's name in records")
    examples: bool = Field(True, description="Deploy the examples when the database is new")
    languages: str = Field(DEFAULT_SETTING, description="Languages that this node runs, separated by commas")
    timezone: str = Field(
        DEFAULT_TIMEZONE, description="Time zone of functions that have none of their own, such as America/Sao_Paulo"
    )
    cache_dir: Path | None = Field(
        None,
        description="Folder of the runtimes' own compiled parts; by default `cache` in the data folder",
    )
    artifacts_mb: int = Field(
        2048, ge=64, description="Size of the kept results of builds; those used longest ago are deleted"
    )
    versions: int = Field(
        100, ge=1, le=10_000, description="Versions kept of each code, and the current one in any case"
    )
    build_seconds: float = Field(20, gt=0, description="Time limit for the check and build of a source")

    slots: int = Field(64, ge=1, le=1024, description="Runs at a time")
    warm: int = Field(4, ge=0, le=1024, description="Sandboxes kept ready for each language at least")
    warm_most: int = Field(
        16, ge=0, le=1024, description="Sandboxes kept ready for each language at most, while calls are frequent"
    )
    memory_mb: int = Field(256, ge=32, description="Memory of a run, including its files in /tmp")
    processes: int = Field(64, ge=1, description="Processes and threads of a run")
    tmp_mb: int = Field(64, ge=1, description="Size of a run's files in /tmp")
    open_files: int = Field(256, ge=16, description="Open files of a run")
    result_mb: float = Field(10, gt=0, le=512, description="Size of a result")
    log_lines: int = Field(1000, ge=0, description="Log lines kept of a run; further lines are only counted")
    log_characters: int = Field(8000, ge=80, le=100_000, description="Characters kept of a log line")
    log_mb: float = Field(16, gt=0, description="Size of the log at which a run is ended")

    body_mb: float = Field(10, gt=0, le=512, description="Size of a call's body")
    body_seconds: float = Field(30, gt=0, description="Time limit for the arrival of a request's body")
    queue: int = Field(256, ge=0, description="Calls that may wait for a slot")
    queue_seconds: float = Field(10, gt=0, description="Time a call may wait for a slot")
    requests: int = Field(2048, ge=1, description="Requests at a time, including waiting ones")
    record_seconds: float = Field(
        10, gt=0, description="Time that the end of a run may wait for a database that is away"
    )
    stop_seconds: float = Field(10, ge=0, description="Time that runs have to end when the server stops")
    masked_headers: str = Field(
        "authorization,cookie,proxy-authorization,x-api-key",
        description="Request headers whose values are not recorded, separated by commas",
    )
    masked_params: str = Field(
        DEFAULT_MASKED_PARAMS,
        description="Patterns of parameter names whose values are not recorded, in any case, separated by commas",
    )
    compat: Literal["flows-code-actions"] | None = Field(
        None, description="Answer as the service of this name does: see [flows-code-actions.md](flows-code-actions.md)"
    )
    log_format: str = Field(
        "auto",
        pattern="^(auto|json|text)$",
        description="Format of the log: text, json, or auto, which is text on a terminal, else json",
    )

    @field_validator(
        *("database_url", "auth_token", "secret_key", "endpoint_host", "events_url", "compat"),
        *("oidc_issuer", "oidc_audience", "oidc_jwks_url", "oidc_service_claim"),
        mode="before",
    )
    @classmethod
    def _empty_is_absent(cls, value: str | None) -> str | None:
        return value or None

    def registry(self) -> Registry:
        """Return the runtimes of this node. Raises `Error` (invalid) for a language that does not exist."""
        wanted = dict.fromkeys(name.strip().lower() for name in self.languages.split(",") if name.strip())
        try:
            return find(wanted, self.cache_dir or self.data_dir / "cache")
        except Error as error:
            raise Error(error.code, f"{variable('languages')}: {error.message}") from None

    def launcher(self, registry: Registry, *, insecure: bool = False, slots: int | None = None) -> LauncherConfig:
        """Return the configuration of the launcher of runs. slots: replaces the setting."""
        runtimes = registry.found.values()
        return LauncherConfig(
            slots=slots or self.slots,
            limits=Limits(
                memory_bytes=self.memory_mb * _MB,
                processes=self.processes,
                tmp_bytes=self.tmp_mb * _MB,
                open_files=self.open_files,
            ),
            exposed=tuple(path for runtime in runtimes for path in runtime.exposed),
            hidden=tuple(path for runtime in runtimes for path in runtime.hidden),
            zygotes=[ZygoteSpec(runtime.language, runtime.zygote, runtime.mounts) for runtime in runtimes],
            modules_in=dict.fromkeys(folder for runtime in runtimes for folder in runtime.modules_in),
            insecure=insecure,
        )

    def build_launcher(self, registry: Registry, *, insecure: bool = False) -> LauncherConfig:
        """Return the configuration of the launcher of builds.

        It is a second launcher, since compilers need more, and runs must not see them.
        """
        config = self.launcher(registry, insecure=insecure, slots=_BUILD_SLOTS)
        config.limits = _BUILD_LIMITS
        runtimes = registry.found.values()
        config.modules = tuple(runtime.build for runtime in runtimes)
        mounts = {place: path for runtime in runtimes for place, path in runtime.build_mounts.items()}
        return config.with_zygotes([ZygoteSpec(BUILD_ZYGOTE, "codeactions.runtimes.build_worker", mounts)])

    def oidc(self) -> "OidcConfig | None":
        """Return the issuer of identity tokens; None if there is none. Raises `Error` (invalid)."""
        if self.oidc_issuer is None:
            return None
        if self.oidc_audience is None:
            # Without it, tokens that the issuer made for any other service would be accepted here, too.
            raise invalid("CODEACTIONS_OIDC_AUDIENCE, the audience of tokens, is required with CODEACTIONS_OIDC_ISSUER")
        from codeactions.identity.oidc import OidcConfig  # takes 10 MB, which only servers with an issuer need

        return OidcConfig(
            issuer=self.oidc_issuer,
            audience=self.oidc_audience,
            jwks_url=self.oidc_jwks_url,
            email_claim=self.oidc_email_claim,
            service_claim=self.oidc_service_claim,
            leeway=self.oidc_leeway,
            userinfo=self.oidc_userinfo,
        )

    def events(self) -> EventsConfig | None:
        """Return the source of the identity system's messages; None if there is none."""
        if self.events_url is None:
            return None
        return EventsConfig(
            url=self.events_url,
            projects_exchange=self.events_projects_exchange,
            projects_queue=self.events_projects_queue,
            permissions_exchange=self.events_permissions_exchange,
            permissions_queue=self.events_permissions_queue,
            routing_key=self.events_routing_key,
        )

    def role_rules(self) -> RoleRules:
        """Return the role that each action needs."""
        return USUAL_RULES if self.compat is None else FLOWS_RULES

    def known_timezone(self) -> str:
        """Return `timezone` as the host's files name it. Raises `Error` (invalid) for one that is not there."""
        return checked_timezone(self.timezone or DEFAULT_TIMEZONE, variable("timezone"))

    def origins(self) -> tuple[str, ...]:
        """Return `cors_origins` as they are compared, without a slash at the end."""
        return tuple(origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip())

    def output_limits(self) -> OutputLimits:
        """Return the limits of a run's output."""
        return OutputLimits(
            result_bytes=int(self.result_mb * _MB),
            log_lines=self.log_lines,
            log_characters=self.log_characters,
            log_bytes=int(self.log_mb * _MB),
        )

    def admission(self) -> Admission:
        """Return the limits of waiting for a slot."""
        return Admission(most_waiting=self.queue, wait_seconds=self.queue_seconds)

    def masked_header_names(self) -> frozenset[str]:
        """Return `masked_headers` as a set of names in lower case."""
        return frozenset(name.strip().lower() for name in self.masked_headers.split(",") if name.strip())


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return "DATABASE_URL" if name == "database_url" else f"CODEACTIONS_{name.upper()}"


def read_settings(**given: object) -> Settings:
    """Read the settings from the environment. given: values that override it, unless they are None.

    Raises `Error` (invalid) that names the variable and the problem, but not the value, which may be a secret.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0])
        name = place if place.isupper() else variable(place)
        raise invalid(f"{name}: {_problem(first)}") from None


def _problem(error: "ErrorDetails") -> str:
    """Return what is wrong with a value: Pydantic's words, or better ones where there are some."""
    choices = re.fullmatch(r"\^\((\w+(?:\|\w+)*)\)\$", str(error.get("ctx", {}).get("pattern", "")))
    if choices:
        return f"must be one of {choices[1].replace('|', ', ')}"
    if str(error["input"]).startswith("tcp://"):
        return (
            "Kubernetes sets this for a service named codeactions: set enableServiceLinks: false, or rename the service"
        )
    return "must be true or false" if error["type"] == "bool_parsing" else error["msg"]
