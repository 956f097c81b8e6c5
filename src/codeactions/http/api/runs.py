"""`/run` runs a code for an authenticated caller; `/coderun` reads the history."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from codeactions.domain.errors import invalid
from codeactions.domain.run import AnsweredRun, FinishedRun, RunStatus
from codeactions.http.authentication import Authenticated, Recognised
from codeactions.http.bodies import read_body
from codeactions.http.dependencies import Meter, Options, Runs
from codeactions.http.endpoint.handler import call_request, failure_answer
from codeactions.http.parameters import Moment, PageNumber, PathId, ProjectFilter, QueryId
from codeactions.http.response_models import ListedRunModel, PageModel, RunAnswerModel, RunModel, errors, run_object

router = APIRouter(tags=["runs"])
# /run takes any parameter, since they are the code's; only the history has a closed set.
run_router = APIRouter(tags=["runs"])

_Wait = Annotated[
    bool,
    Query(description="Only `true` for now: wait until the run is over", json_schema_extra={"enum": [True]}),
]
_ANY_BODY = {"requestBody": {"content": {"*/*": {"schema": {}}}, "description": "The run's `engine.body`"}}


@run_router.post(
    "/run/{code_id}",
    summary="Run a code",
    response_model=RunAnswerModel,
    responses=errors(403, 404, 413, 429, 500, 504),
    openapi_extra=_ANY_BODY,
)
async def run_code(
    request: Request,
    caller: Recognised,
    runs: Runs,
    meter: Meter,
    options: Options,
    code_id: PathId,
    wait: _Wait = True,
) -> Response:
    """Run a code of either type with the request's other query parameters, headers and body.

    A run with work after its answer is told as `started`, with its result.
    """
    if not wait:
        raise invalid("wait=false is not possible in this version: leave it out and wait for the answer")
    body = partial(read_body, request, options.body_limit, options.body_timeout)
    return run_answer(await runs.call(caller, code_id, call_request(request, str(code_id), "/", "/"), body, meter))


def run_answer(ran: FinishedRun | AnsweredRun) -> Response:
    """Return the answer for a run that the caller asked for with a role: the run itself, also of a failed one."""
    answer = {"code_id": str(ran.run.code_id), "result": run_object(ran.shown or ran.run, traceback=False)}
    if isinstance(ran, FinishedRun) and ran.outcome.error is not None:
        return failure_answer(ran, **answer)
    return JSONResponse(answer, headers={"X-Run-Id": str(ran.run.id)})


@router.get("/coderun/{run_id}", summary="Read a run", response_model=RunModel, responses=errors(404))
async def read_run(caller: Authenticated, runs: Runs, run_id: PathId) -> JSONResponse:
    """Read a run, with the traceback if it raised."""
    return JSONResponse(run_object(await runs.get(caller, run_id), traceback=True))


@router.get("/coderun", summary="List runs", response_model=PageModel[ListedRunModel], responses=errors())
async def list_runs(
    caller: Authenticated,
    runs: Runs,
    code_id: QueryId = None,
    project_uuid: ProjectFilter = None,
    after: Moment = None,
    before: Moment = None,
    status: RunStatus | None = None,
    page: PageNumber = 1,
) -> JSONResponse:
    """List the runs of a code, or of all codes of a project, newest first, 20 a page.

    The bodies and results of a page have at most 8 MiB together. If there is more, those over an equal share are cut
    to their first 1,000 characters, and `cut` names them; `/coderun/{run_id}` has all of a run.
    """
    if code_id is not None and project_uuid is None:
        found = await runs.page(caller, code_id, status=status, after=after, before=before, page=page)
    elif project_uuid is not None and code_id is None:
        found = await runs.page_of_project(caller, project_uuid, status=status, after=after, before=before, page=page)
    else:
        raise invalid("give either code_id or project_uuid")
    data = [run_object(run, traceback=True) for run in found.data]
    return JSONResponse({"data": data, "total": found.total, "page": found.page, "last_page": found.last_page})
