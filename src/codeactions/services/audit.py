"""The audit log: read by moderators for their project, and for all projects by the administrator."""

from codeactions.domain.access import Action, require, require_everywhere
from codeactions.domain.audit import AuditEntry
from codeactions.domain.caller import Caller
from codeactions.domain.page import Page
from codeactions.domain.project import project_not_found
from codeactions.postgres.auditlog import AuditFilter, AuditLog
from codeactions.services.audited import AuditedDatabase


class AuditService:
    """Reads the audit log."""

    def __init__(self, audited: AuditedDatabase) -> None:
        self._log = AuditLog(audited.database)

    async def page(self, caller: Caller, wanted: AuditFilter, page: int) -> Page[AuditEntry]:
        """Return lines, newest first: of a project, or of all projects.

        Raises `Error` (not_found, forbidden) as the caller's role demands.
        """
        if wanted.project_uuid is None:
            require_everywhere(caller, "read the audit log of all projects: give project_uuid")
        else:
            require(caller, Action.MANAGE, wanted.project_uuid, project_not_found(wanted.project_uuid))
        return await self._log.page(wanted, page)
