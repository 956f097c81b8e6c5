"""`/code/{code_id}/versions` and `/code/{code_id}/rollback`: what a code was, and the way back to it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from codeactions.domain.code import Code
from codeactions.domain.page import Page
from codeactions.domain.version import HIGHEST_NUMBER, ListedVersion, RollbackDraft, Version, VersionDiff
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Codes, Versions
from codeactions.http.fields import fields_of
from codeactions.http.parameters import PageNumber, PathId
from codeactions.http.response_models import CodeModel, PageModel, errors
from codeactions.http.version_models import ListedVersionModel, VersionDiffModel, VersionModel

router = APIRouter(tags=["versions"])

_rollback = fields_of(RollbackDraft, parameters=("version", "message"))
_Number = Annotated[int, Path(ge=1, le=HIGHEST_NUMBER, description="Number of a version")]
_Against = Annotated[
    int | None, Query(ge=1, le=HIGHEST_NUMBER, description="Number of a version; by default the one before")
]
_Check = Annotated[bool, Query(description="false does it even if the language does not take the source")]


@router.get(
    "/code/{code_id}/versions",
    summary="List the versions of a code",
    response_model=PageModel[ListedVersionModel],
    responses=errors(403, 404),
)
async def list_versions(
    caller: Authenticated, versions: Versions, code_id: PathId, page: PageNumber = 1
) -> Page[ListedVersion]:
    """List the versions of a code, newest first, 20 a page, without their sources."""
    return await versions.page(caller, code_id, page)


@router.get(
    "/code/{code_id}/versions/{number}",
    summary="Read a version",
    response_model=VersionModel,
    responses=errors(403, 404),
)
async def read_version(caller: Authenticated, versions: Versions, code_id: PathId, number: _Number) -> Version:
    """Read a version, with its source."""
    return await versions.get(caller, code_id, number)


@router.get(
    "/code/{code_id}/versions/{number}/diff",
    summary="Compare two versions",
    response_model=VersionDiffModel,
    responses=errors(403, 404),
)
async def compare_versions(
    caller: Authenticated, versions: Versions, code_id: PathId, number: _Number, against: _Against = None
) -> VersionDiff:
    """Show what a version changed, as a unified diff. The first one is compared with nothing."""
    return await versions.diff(caller, code_id, number, against)


@router.post(
    "/code/{code_id}/rollback",
    summary="Make an earlier version current",
    response_model=CodeModel,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_rollback.openapi,
)
async def roll_back(
    caller: Authenticated,
    codes: Codes,
    code_id: PathId,
    draft: Annotated[RollbackDraft, Depends(_rollback)],
    check: _Check = True,
) -> Code:
    """Make a version the current one, with its source and language. All else of the code stays as it is.

    The source is built first. Calls get the one version or the other, whole, and none fails for it.
    """
    return await codes.roll_back(caller, code_id, draft, check=check)
