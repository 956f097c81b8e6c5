"""The table `projects`."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.project import Project, as_stored, project_not_found, stored_authorizations
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("projects")


class ProjectStore:
    """Projects in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def create(self, project: Project) -> None:
        """Store a new project. Raises `Error` (conflict) when its uuid is taken."""
        if await self._database.fetch_one(_SQL["create"], _values(project)) is None:
            raise Error(ErrorCode.CONFLICT, f"there is a project {project.uuid} already")

    async def get(self, uuid: str) -> Project:
        """Return a project. Raises `Error` (not_found)."""
        found = await self.find(uuid)
        if found is None:
            raise project_not_found(uuid)
        return found

    async def find(self, uuid: str) -> Project | None:
        """Return a project; None if it does not exist."""
        row = await self._database.fetch_one(_SQL["get"], {"uuid": uuid})
        return None if row is None else _project(row)

    async def lock(self) -> None:
        """Keep other transactions from writing projects or permissions until the end of this one."""
        await self._database.fetch(_SQL["lock"])

    async def hold(self, uuid: str) -> bool:
        """Keep a project from being deleted until the end of the transaction, and return whether it exists."""
        return await self._database.fetch_one(_SQL["hold"], {"uuid": uuid}) is not None

    async def page(self, uuids: Sequence[str] | None, page: int) -> Page[Project]:
        """Return a page of projects, oldest first. uuids: those to choose from; None for all."""
        values = {"uuids": None if uuids is None else list(uuids)}
        total = await self._database.fetch_one(_SQL["count"], values)
        bounds = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        rows = await self._database.fetch(_SQL["page"], {**values, **bounds})
        return Page([_project(row) for row in rows], total["total"] if total else 0, page)

    async def update(self, project: Project, read: Project) -> None:
        """Replace `read`: its name and, where they differ, its authorizations. Raises `Error` (not_found)."""
        same = (project.authorizations, project.stored) == (read.authorizations, read.stored)
        statement = _SQL["rename" if same else "update"]
        if await self._database.fetch_one(statement, _values(project)) is None:
            raise project_not_found(project.uuid)

    async def delete(self, uuid: str) -> None:
        """Delete a project with its permissions. Raises `Error`: not_found; conflict while it has codes."""
        await self._database.fetch(_SQL["hold_alone"], {"uuid": uuid})  # before its codes are counted
        codes = await self._database.fetch_one(_SQL["count_codes"], {"uuid": uuid})
        if codes and codes["total"]:
            raise Error(ErrorCode.CONFLICT, f"project {uuid} has {codes['total']} codes: delete or move them first")
        if await self._database.fetch_one(_SQL["delete"], {"uuid": uuid}) is None:
            raise project_not_found(uuid)


def _values(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "uuid": project.uuid,
        "name": project.name,
        "authorizations": Jsonb(as_stored(project.authorizations)),
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def _project(row: Mapping[str, Any]) -> Project:
    stored = row["authorizations"]
    stored = [] if stored is None else stored  # the Go service has NULLs
    return Project(**{**row, "authorizations": stored_authorizations(stored), "stored": stored})
