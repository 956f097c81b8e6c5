"""A caller's role as it is inside a transaction: it may have changed since the caller was recognised."""

from dataclasses import replace

from codeactions.domain.caller import Caller
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.projects import ProjectStore
from codeactions.services.audited import AuditedTransaction


async def with_current_role(transaction: AuditedTransaction, caller: Caller, project_uuid: str | None) -> Caller:
    """Return the caller with the roles of this moment, and keep the project until the end of the transaction."""
    there = project_uuid is not None and await ProjectStore(transaction).hold(project_uuid)
    if caller.everywhere:
        return caller
    if caller.email is not None:
        return replace(caller, roles=await PermissionStore(transaction).roles_of(caller.email))
    return caller if there else replace(caller, roles={})
