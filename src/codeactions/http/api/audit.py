"""`/audit`: who did what."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.parameters import Moment, PageNumber, require_zone
from codeactions.http.response_models import AuditShape, PageShape, errors, page_object
from codeactions.postgres.auditlog import AuditFilter

router = APIRouter(tags=["audit"])

_Text = Annotated[str | None, Query(min_length=1, max_length=255)]


@router.get("/audit", response_model=PageShape[AuditShape], responses=errors(403, 404))
async def list_audit(
    request: Request,
    caller: Authenticated,
    project_uuid: Annotated[
        str | None, Query(min_length=1, max_length=255, description="Only the administrator may leave it out")
    ] = None,
    thing_id: _Text = None,
    actor: _Text = None,
    after: Moment = None,
    before: Moment = None,
    page: PageNumber = 1,
) -> Any:
    """Changes, newest first, 20 a page; for a project's moderators."""
    services: Services = request.app.state.services
    wanted = AuditFilter(
        project_uuid=project_uuid,
        thing_id=thing_id,
        actor=actor,
        after=require_zone(after, "after"),
        before=require_zone(before, "before"),
    )
    found = await services.audit.page(caller, wanted, page)
    return page_object(found, found.data)
