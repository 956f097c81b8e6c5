"""`/run` runs a code for an authenticated caller; `/coderun` reads the history."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from codeactions.domain.errors import Error, invalid
from codeactions.domain.run import RunStatus
from codeactions.http.authentication import Authenticated, Recognised, count
from codeactions.http.context import Services
from codeactions.http.endpoint.handler import failure_answer
from codeactions.http.parameters import Id, Moment, PageNumber, require_zone
from codeactions.http.requests import read_body, read_call
from codeactions.http.response_models import (
    ListedRunShape,
    PageShape,
    RunAnswer,
    RunShape,
    errors,
    page_object,
    run_object,
)

router = APIRouter(tags=["runs"])
# /run takes any parameter, since they are the code's; only the history has a closed set.
run_router = APIRouter(tags=["runs"])

_Wait = Annotated[
    bool,
    Query(description="Only `true` for now: wait until the run is over", json_schema_extra={"enum": [True]}),
]
_ANY_BODY = {"requestBody": {"content": {"*/*": {"schema": {}}}, "description": "The run's `engine.body`"}}


@run_router.post(
    "/run/{code_id}", response_model=RunAnswer, responses=errors(403, 404, 413, 429, 500, 504), openapi_extra=_ANY_BODY
)
async def run_code(
    request: Request,
    caller: Recognised,
    code_id: Id,
    wait: _Wait = True,
) -> Response:
    """Run a code of either type with the request's other query parameters, headers and body."""
    services: Services = request.app.state.services
    if not wait:
        raise invalid("wait=false is not possible in this version: leave it out and wait for the answer")
    try:
        code = await services.runs.code(caller, code_id)
    except Error:  # who may not run a code takes nothing from its limit
        await count(services, request, caller)
        raise
    await count(services, request, caller, code=str(code_id))
    body = await read_body(request, services.body_limit, services.body_timeout)
    call = read_call(request, "/", body, identities=services.identities, public=False, without=frozenset(("wait",)))
    finished = await services.runs.run(caller, code, call)
    answer = {"code_id": str(code.id), "result": run_object(finished.run, traceback=False)}
    if finished.outcome.error is not None:
        return failure_answer(finished, **answer)
    return JSONResponse(answer, headers={"X-Run-Id": str(finished.run.id)})


@router.get("/coderun/{run_id}", response_model=RunShape, responses=errors(404))
async def read_run(request: Request, caller: Authenticated, run_id: Id) -> Any:
    """Read a run, with the traceback if it raised."""
    services: Services = request.app.state.services
    return JSONResponse(run_object(await services.runs.get(caller, run_id), traceback=True))


@router.get("/coderun", response_model=PageShape[ListedRunShape], responses=errors())
async def list_runs(
    request: Request,
    caller: Authenticated,
    code_id: UUID,
    after: Moment = None,
    before: Moment = None,
    status: RunStatus | None = None,
    page: PageNumber = 1,
) -> Any:
    """The runs of a code, newest first, 20 a page.

    The bodies and results of a page have at most 8 MiB together. If there is more, those over an equal share are cut
    to their first 1,000 characters, and `cut` names them; `/coderun/{run_id}` has all of a run.
    """
    services: Services = request.app.state.services
    found = await services.runs.page(
        caller,
        code_id,
        status=status,
        after=require_zone(after, "after"),
        before=require_zone(before, "before"),
        page=page,
    )
    return JSONResponse(page_object(found, [run_object(run, traceback=True) for run in found.data]))
