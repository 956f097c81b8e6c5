"""`/codelog`: what runs wrote."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from codeactions.domain.errors import invalid
from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.parameters import Id, PageNumber
from codeactions.http.response_models import LogShape, PageShape, errors, page_object

router = APIRouter(tags=["logs"])


@router.get("/codelog/{log_id}", response_model=LogShape, responses=errors(404))
async def read_log(request: Request, caller: Authenticated, log_id: Id) -> Any:
    """Read one line."""
    services: Services = request.app.state.services
    return await services.runs.log(caller, log_id)


@router.get("/codelog", response_model=PageShape[LogShape], responses=errors())
async def list_logs(
    request: Request,
    caller: Authenticated,
    run_id: UUID | None = None,
    code_id: Annotated[UUID | None, Query(description="All its runs' lines; not together with run_id")] = None,
    page: PageNumber = 1,
) -> Any:
    """The lines of a run in order, or of all runs of a code, newest first; 20 a page."""
    services: Services = request.app.state.services
    if run_id is not None and code_id is None:
        found = await services.runs.logs_of_run(caller, run_id, page)
    elif code_id is not None and run_id is None:
        found = await services.runs.logs_of_code(caller, code_id, page)
    else:
        raise invalid("give either run_id or code_id")
    return page_object(found, found.data)
