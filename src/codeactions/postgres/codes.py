"""The table `codes`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from codeactions.domain.code import Code, code_not_found, endpoint_not_found
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.protection import Protection, ProtectionKind
from codeactions.postgres import queries
from codeactions.postgres.cache import Cache
from codeactions.postgres.database import Statements

LIST_LIMIT = 1000  # codes on a page
LIST_BYTES = 8 * 1024 * 1024  # all sources of a page together; each may have 1 MiB, and `get` returns it whole
BEGINNING = 1000  # characters of a cut source
_SQL = queries.load("codes")
_PREFIX = "protection_"  # of the names of the protection's columns


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCode(Code):
    """A code in a list. cut: the names of the fields that did not fit and hold only their beginning."""

    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeWithProtection:
    """A code and the protection of its endpoint. protection: None if the endpoint is public."""

    code: Code
    protection: Protection | None


CodesWithProtection = Cache[UUID, CodeWithProtection]


@dataclass(frozen=True, slots=True)
class CodeName:
    """A name by which a code is called. flows: whether flows are meant, too."""

    project: str
    name: str
    flows: bool = False

    def fits(self, code: Code) -> bool:
        """Return whether a code has this name."""
        return (code.project_uuid, code.name) == (self.project, self.name) and (self.flows or code.type == "endpoint")

    def __str__(self) -> str:
        return f"{self.project[:64]}/{self.name[:64]}"


class CodeStore:
    """Codes in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def create(self, code: Code) -> None:
        """Store a new code."""
        await self._database.fetch(_SQL["create"], asdict(code))

    async def get(self, code_id: UUID) -> Code:
        """Return a code. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": code_id})
        if row is None:
            raise code_not_found(code_id)
        return Code(**row)

    async def get_with_protection(self, code_id: UUID) -> CodeWithProtection:
        """Return a code with its protection. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get_with_protection"], {"id": code_id})
        if row is None:
            raise code_not_found(code_id)
        columns = {name.removeprefix(_PREFIX): value for name, value in row.items() if name.startswith(_PREFIX)}
        code = Code(**{name: value for name, value in row.items() if not name.startswith(_PREFIX)})
        return CodeWithProtection(code, _protection(code_id, columns))

    async def id_of(self, name: CodeName) -> UUID:
        """Return the id of the code of a name. Raises `Error`: not_found, conflict if there are several."""
        rows = await self._database.fetch(_SQL["named"], asdict(name))
        if not rows:
            raise endpoint_not_found(name)
        if len(rows) > 1 and rows[0]["type"] == rows[1]["type"]:
            said = f"there is more than one endpoint {name}: call it by its id, or give one of them another name"
            raise Error(ErrorCode.CONFLICT, said)
        return UUID(str(rows[0]["id"]))

    async def list(self, project_uuid: str, kind: str | None, page: int) -> tuple[list[ListedCode], int]:
        """Return a page of a project's codes, oldest first, and the number of them all.

        kind: the type of the codes; None for both. A page has `LIST_LIMIT` codes, and their sources have at most
        `LIST_BYTES` bytes together: those that do not fit are cut.
        """
        values = {"project_uuid": project_uuid, "type": kind}
        total = await self._database.fetch_one(_SQL["count"], values)
        bounds = {"limit": LIST_LIMIT, "offset": (page - 1) * LIST_LIMIT, "bytes": LIST_BYTES, "beginning": BEGINNING}
        rows = await self._database.fetch(_SQL["list"], {**values, **bounds})
        return [ListedCode(**{**row, "cut": tuple(row["cut"])}) for row in rows], total["total"] if total else 0

    async def update(self, code: Code, read: Code) -> Code:
        """Replace `read` by `code`, and return it with the number of its version.

        Raises `Error` (conflict) when it was changed or deleted in the meantime.
        """
        return await self._replace("update", code, read)

    async def roll_back(self, code: Code, read: Code) -> Code:
        """Replace source, language and version of `read` by those of `code`, and return it. Raises as `update`."""
        stored = await self._replace("roll_back", code, read)
        if stored.version != code.version:  # that version was deleted meanwhile
            raise _changed_meanwhile(code.id)
        return stored

    async def _replace(self, statement: str, code: Code, read: Code) -> Code:
        values = {**asdict(code), "read_updated_at": read.updated_at}
        row = await self._database.fetch_one(_SQL[statement], values)
        if row is None:
            raise _changed_meanwhile(code.id)
        return replace(code, version=row["version"])

    async def delete(self, code_id: UUID) -> None:
        """Delete a code with its runs and logs. Raises `Error` (not_found)."""
        if await self._database.fetch_one(_SQL["delete"], {"id": code_id}) is None:
            raise code_not_found(code_id)


def _changed_meanwhile(code_id: UUID) -> Error:
    return Error(ErrorCode.CONFLICT, f"code {code_id} was changed in the meantime; read it again")


def _protection(code_id: UUID, columns: Mapping[str, Any]) -> Protection | None:
    if columns["kind"] is None:
        return None
    secret = None if columns["secret"] is None else bytes(columns["secret"])
    return Protection(code_id=code_id, **{**columns, "kind": ProtectionKind(columns["kind"]), "secret": secret})
