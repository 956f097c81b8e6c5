"""Requests that ask for a run, in plain facts, and the call that the run gets to see."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote, unquote_plus

from codeactions.domain.charsets import decode_body
from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.run import Call
from codeactions.domain.text import SHORT_TEXT
from codeactions.services.collaborators import Keys

_MOST_PARAMETERS = 1000
_MOST_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """The facts of an HTTP request that asks for a run.

    code_id: as the URL has it. path: what follows it there; raw_path: the same as it was sent. sent: both, as they were
    sent. query: the query string as it was sent. headers: with names in small letters; a repeated one is there
    repeatedly. address: where the request comes from.
    """

    code_id: str
    method: str
    path: str
    raw_path: str = ""
    sent: str = ""
    query: str
    headers: tuple[tuple[str, str], ...]
    address: str

    def first_headers(self) -> Mapping[str, str]:
        """Return the headers by name; of a repeated one the first value."""
        return dict(reversed(self.headers))

    def by_name(self) -> "tuple[str, str, CallRequest] | None":
        """Return the project, the name and the request, if the URL names a code by them; None if it does not.

        Each is one segment of the URL, percent-decoded by itself: a name may have a slash.
        """
        first, _, rest = self.sent.partition("/")
        second, slash, path = rest.partition("/")
        project, name = _segment(first), _segment(second)
        if project is None or name is None:
            return None
        return project, name, replace(self, path=slash + unquote(path), raw_path=slash + path)


def _segment(sent: str) -> str | None:
    """Return a segment of a URL decoded; None if it is no text that a code or a project may have."""
    try:
        text = unquote(sent, errors="strict")
    except UnicodeDecodeError:
        return None
    return text if 0 < len(text) <= SHORT_TEXT and "\0" not in text else None


def build_call(
    request: CallRequest,
    body: bytes,
    *,
    keys: Keys,
    public: bool,
    without: frozenset[str] = frozenset(),
    signature: str | None = None,
) -> Call:
    """Return the call that a run gets to see. Raises `Error` (invalid, too_large).

    It never holds a key of this server: headers that hold one are left out, and Authorization altogether if the caller
    had to show a key (not `public`). `without` names query parameters that are the route's own. `signature` names the
    header that let the call in, and would let others in.
    """
    if _is_over(_MOST_HEADER_BYTES, request.headers):
        raise Error(ErrorCode.TOO_LARGE, f"the headers must have at most {_MOST_HEADER_BYTES} bytes")
    try:
        params = parse_qsl(request.query, keep_blank_values=True, errors="replace", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise invalid(f"there may be at most {_MOST_PARAMETERS} query parameters") from None
    unseen = signature.lower() if signature else ""
    content_type = next((value for name, value in request.headers if name == "content-type"), "")
    text, charset = decode_body(body, content_type) if body else (None, None)
    return Call(
        method=request.method,
        path=_rooted(request.path),
        raw_path=_rooted(request.raw_path),
        raw_query=_query_without(without, request.query),
        params=tuple(pair for pair in params if pair[0] not in without),
        headers=tuple(
            (name, value)
            for name, value in request.headers
            if name != unseen
            and not keys.holds_secret(value)
            and (name != "authorization" or (public and not keys.is_credential(value)))
        ),
        body=body,
        text=text,
        charset=charset,
    )


def _is_over(most: int, headers: tuple[tuple[str, str], ...]) -> bool:
    """Return whether headers have more bytes than `most`. A character has at most four, so few are counted at all."""
    characters = sum([len(name) + len(value) for name, value in headers])
    return 4 * characters > most and sum([len(name) + len(value.encode()) for name, value in headers]) > most


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _query_without(names: frozenset[str], query: str) -> str:
    """Return the query string without the parameters of these names."""
    if not names or not query:
        return query
    return "&".join(one for one in query.split("&") if unquote_plus(one.partition("=")[0]) not in names)
