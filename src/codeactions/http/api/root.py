"""`/`: what this server is, for people who come across it and for programs that look whether it is there."""

from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from codeactions import __version__

router = APIRouter(include_in_schema=False)
_ABOUT = {"name": "codeactions", "version": __version__, "docs": "/docs", "health": "/health"}
_VARY = {"Vary": "Accept"}


@router.api_route("/", methods=["GET", "HEAD"])
async def root(request: Request) -> Response:
    """Answer as JSON, or as the caller prefers as a page or as text."""
    wanted = _first_of(request.headers.get("accept", ""))
    if wanted == "text/html":
        name, links = _ABOUT["name"], "".join(f'<li><a href="{path}">{path}</a></li>' for path in ("/docs", "/health"))
        page = f"<!doctype html><title>{name}</title><p>{name} {escape(__version__)}</p><ul>{links}</ul>"
        return HTMLResponse(page, headers=_VARY)
    if wanted == "text/plain":
        return PlainTextResponse("".join(f"{key}: {value}\n" for key, value in _ABOUT.items()), headers=_VARY)
    return JSONResponse(_ABOUT, headers=_VARY)


def _first_of(accept: str) -> str:
    """Return the first type in the header that there is an answer of; JSON if there is none."""
    known = ("application/json", "text/html", "text/plain")
    types = (part.partition(";")[0].strip().lower() for part in accept.split(","))
    return next((one for one in types if one in known), known[0])
