"""The table `secrets` of the Go service, from which `codeactions adopt` copies."""

import json
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.project_value import ENCRYPTION_BYTES, VALUE_LIMIT, ProjectUse
from codeactions.postgres import queries
from codeactions.postgres.project_values import SecretIdentity, secret_identity

_SQL = queries.load("service_secrets")
_BATCH = 200
Name = tuple[str, str]
"""A project and the name of a secret in it."""


class Queries(Protocol):
    """A connection of `migrate`."""

    def execute(self, text: str) -> list[tuple[str | None, ...]]:
        """Run a statement and return its rows, as text."""

    def literal(self, value: str | None) -> str:
        """Return a value as a constant for SQL text."""


@dataclass(frozen=True, slots=True)
class ServiceSecret:
    """A row. project_uuid, name, size: None where there is NULL, or no text. use: of our table by its project."""

    project_uuid: str | None
    name: str | None
    size: int | None
    is_ours: bool
    use: ProjectUse


class ServiceSecrets:
    """The table on a connection of `migrate`. Every method raises the connection's errors."""

    def __init__(self, connection: Queries) -> None:
        self._connection = connection

    def listed(self) -> list[ServiceSecret] | None:
        """Return the rows without their values; None if there is no such table."""
        [(there, ours)] = self._connection.execute(_SQL["tables"])
        if there != "t":
            return None
        text = _SQL["listed_beside_ours"].replace("{overhead}", str(ENCRYPTION_BYTES))
        rows = self._connection.execute(text if ours == "t" else _SQL["listed"])
        return [
            ServiceSecret(
                _text(project),
                _text(name),
                None if size is None else int(size),
                is_ours == "t",
                ProjectUse(int(number or 0), int(bytes_used or 0)),
            )
            for project, name, size, is_ours, number, bytes_used in rows
        ]

    def copy(
        self,
        wanted: Container[Name],
        encrypt: Callable[[str, SecretIdentity], bytes],
        new_id: Callable[[], UUID],
    ) -> None:
        """Copy the wanted ones into our table, encrypted. Raises `Error` (conflict) for a value that is no text."""
        batch: list[dict[str, str | None]] = []
        for row in self._encrypted(wanted, encrypt, new_id):
            batch.append(row)
            if len(batch) == _BATCH:
                self._insert(batch)
                batch = []
        if batch:
            self._insert(batch)

    def _encrypted(
        self, wanted: Container[Name], encrypt: Callable[[str, SecretIdentity], bytes], new_id: Callable[[], UUID]
    ) -> Iterator[dict[str, str | None]]:
        done = set[Name]()
        text = _SQL["contents"].replace("{longest}", str(VALUE_LIMIT))
        for project_hex, name_hex, value_hex, created_at, updated_at in self._connection.execute(text):
            project, name, value = _text(project_hex), _text(name_hex), _text(value_hex)
            if project is None or name is None or (project, name) in done or (project, name) not in wanted:
                continue
            if value is None:
                told = (
                    f"the value of {name!r} of project {project!r} in the table secrets is no UTF-8: correct it first"
                )
                raise Error(ErrorCode.CONFLICT, told)
            done.add((project, name))
            id = new_id()  # noqa: A001
            yield {
                "id": str(id),
                "project_uuid": project,
                "name": name,
                "encrypted": encrypt(value, secret_identity(project, name, id)).hex(),
                "created_at": created_at,
                "updated_at": updated_at,
            }

    def _insert(self, rows: list[dict[str, str | None]]) -> None:
        literal = self._connection.literal(json.dumps(rows))
        self._connection.execute(_SQL["insert"].replace("{rows}", literal))


def _text(digits: str | None) -> str | None:
    """Return the text of hexadecimal digits; None for NULL, and for bytes that are no text."""
    try:
        return None if digits is None else bytes.fromhex(digits).decode()
    except UnicodeDecodeError:
        return None
