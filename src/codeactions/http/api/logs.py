"""`/codelog`: the log lines of runs."""

from fastapi import APIRouter

from codeactions.domain.errors import invalid
from codeactions.domain.log import StoredLog
from codeactions.domain.page import Page
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Runs
from codeactions.http.parameters import Id, PageNumber, ProjectFilter, QueryId
from codeactions.http.response_models import LogModel, PageModel, errors

router = APIRouter(tags=["logs"])


@router.get("/codelog/{log_id}", summary="Read a log line", response_model=LogModel, responses=errors(404))
async def read_log(caller: Authenticated, runs: Runs, log_id: Id) -> StoredLog:
    """Read one line."""
    return await runs.log(caller, log_id)


@router.get("/codelog", summary="List log lines", response_model=PageModel[LogModel], responses=errors())
async def list_logs(
    caller: Authenticated,
    runs: Runs,
    run_id: QueryId = None,
    code_id: QueryId = None,
    project_uuid: ProjectFilter = None,
    page: PageNumber = 1,
) -> Page[StoredLog]:
    """List the lines of a run in order, or of all runs of a code or of a project, newest first; 20 a page.

    One of `run_id`, `code_id` and `project_uuid` is required. With a run and a code, the lines of the run if it is one
    of the code.
    """
    if project_uuid is not None and run_id is None and code_id is None:
        return await runs.logs_of_project(caller, project_uuid, page)
    if run_id is not None and project_uuid is None:
        return await runs.logs_of_run(caller, run_id, page, code_id)
    if code_id is not None and project_uuid is None:
        return await runs.logs_of_code(caller, code_id, page)
    raise invalid("give run_id, code_id or both, or project_uuid")
