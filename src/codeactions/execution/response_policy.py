"""The response policy: which status, content type and headers of a run may go out in the server's name."""

import re
from typing import Any
from urllib.parse import urlsplit

from codeactions.domain.run import Answer
from codeactions.runtimes.protocol import MOST_HEADERS, NAME_LIMIT, VALUE_LIMIT, Malformed

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]" + f"{{1,{NAME_LIMIT}}}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]" + f"{{0,{VALUE_LIMIT}}}")
# Headers that a run may not set. Framing and connection headers are the HTTP server's. A cookie would be set for the
# API's host as well, since endpoints share it; NEL, Report-To and the like hold for the whole host too. Date and Server
# are the server's own. X-Run-Id must be true. A first X-Content-Type-Options would undo the server's. X-Sendfile, and
# all that begins with X-Accel- or X-Envoy-, are orders to a proxy in front, which would believe that the server gives
# them.
_RESERVED = frozenset(
    (
        "alt-svc",
        "clear-site-data",
        "connection",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "nel",
        "proxy-authenticate",
        "proxy-connection",
        "report-to",
        "server",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "set-login",
        "strict-transport-security",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-content-type-options",
        "x-run-id",
        "x-sendfile",
    )
)


def read_answer(meta: dict[str, Any], body: bytes) -> Answer:
    """Read a RESULT frame's description. Raises `Malformed` for values that the engine refuses before it sends them.

    Headers that a run may not set are left out.
    """
    status, content_type, headers = meta.get("status_code"), meta.get("content_type"), meta.get("headers")
    if type(status) is not int or not 200 <= status <= 599:
        raise Malformed("its status code is not one from 200 to 599")
    if not isinstance(content_type, str) or not _VALUE.fullmatch(content_type):
        raise Malformed("its content type is not valid in HTTP")
    if not isinstance(headers, list) or len(headers) > MOST_HEADERS:
        raise Malformed(f"its headers are not a list of at most {MOST_HEADERS}")
    kept = []
    for pair in headers:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise Malformed("a header is not a pair of texts")
        name, value = pair
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Malformed("a header name or value is not valid in HTTP")
        if _may_set(name.lower(), value):
            kept.append((name, _text(value)))
    return Answer(body, status, _text(content_type), tuple(kept))


def _text(value: str) -> str:
    """Return what a value's bytes mean, each of which is a character of it: UTF-8, or else Latin-1."""
    try:
        return value if value.isascii() else value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _may_set(name: str, value: str) -> bool:
    if name == "location":
        return _is_web_address(value)
    return name not in _RESERVED and not name.startswith(("x-accel-", "x-envoy-"))


def _is_web_address(value: str) -> bool:
    """Tell whether a Location is relative or leads to a web page: `javascript:` and the like are no redirects."""
    try:
        return urlsplit(value.strip()).scheme.lower() in ("", "http", "https")
    except ValueError:
        return False
