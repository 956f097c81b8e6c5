"""`/audit`: the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from codeactions.domain.audit import AuditEntry
from codeactions.domain.page import Page
from codeactions.domain.text import SHORT_TEXT
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Audit
from codeactions.http.parameters import Filter, Moment, PageNumber
from codeactions.http.response_models import AuditModel, PageModel, errors
from codeactions.postgres.auditlog import AuditFilter

router = APIRouter(tags=["audit"])


@router.get("/audit", summary="List changes", response_model=PageModel[AuditModel], responses=errors(403, 404))
async def list_audit(
    caller: Authenticated,
    audit: Audit,
    project_uuid: Annotated[
        str | None, Query(min_length=1, max_length=SHORT_TEXT, description="Only the administrator may leave it out")
    ] = None,
    thing_id: Filter = None,
    actor: Filter = None,
    after: Moment = None,
    before: Moment = None,
    page: PageNumber = 1,
) -> Page[AuditEntry]:
    """List changes, newest first, 20 a page; for a project's moderators."""
    wanted = AuditFilter(
        project_uuid=project_uuid,
        thing_id=thing_id,
        actor=actor,
        after=after,
        before=before,
    )
    return await audit.page(caller, wanted, page)
