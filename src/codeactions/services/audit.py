"""The audit log, read by those who manage a project, and all of it by the administrator."""

from codeactions.domain.access import Action, require, require_everywhere
from codeactions.domain.audit import AuditEntry
from codeactions.domain.caller import Caller
from codeactions.domain.page import Page
from codeactions.postgres.auditlog import AuditFilter, AuditLog
from codeactions.postgres.projects import missing
from codeactions.services.audited import AuditedDatabase


class AuditService:
    """`page` raises `Error` (not_found, forbidden) as the caller's role demands."""

    def __init__(self, desk: AuditedDatabase) -> None:
        self._log = AuditLog(desk.database)

    async def page(self, caller: Caller, wanted: AuditFilter, page: int) -> Page[AuditEntry]:
        """Lines, newest first: of a project, or of all projects."""
        if wanted.project_uuid is None:
            require_everywhere(caller, "read the audit log of all projects: give project_uuid")
        else:
            require(caller, Action.MANAGE, wanted.project_uuid, missing(wanted.project_uuid))
        return await self._log.page(wanted, page)
