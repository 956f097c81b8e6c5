"""`/code/{code_id}/try` runs a draft of a code."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from codeactions.domain.trial import TrialDraft
from codeactions.http.api.runs import run_answer
from codeactions.http.authentication import Recognised
from codeactions.http.dependencies import Meter, Options, Trials
from codeactions.http.fields import fields_of
from codeactions.http.parameters import PathId
from codeactions.http.response_models import RunAnswerModel, errors

router = APIRouter(tags=["versions"])

_draft = fields_of(TrialDraft, takes_source=True)


@router.post(
    "/code/{code_id}/try",
    summary="Try a draft of a code",
    response_model=RunAnswerModel,
    responses=errors(403, 404, 413, 429, 500, 504),
    openapi_extra=_draft.openapi,
)
async def try_code(
    request: Request, caller: Recognised, trials: Trials, meter: Meter, options: Options, code_id: PathId
) -> Response:
    """Run a draft once, with the code's secrets, and answer as `/run` does. Nothing of the code is changed.

    What is not given is the code's own. The run is in the code's history, as a trial: `extra.trial`. A body that is not
    JSON is the source.
    """
    draft = partial(_draft, request, options)
    return run_answer(await trials.run(caller, code_id, draft, meter, body_limit=options.body_limit))
