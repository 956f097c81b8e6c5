"""From what a run says its answer is to what may go out over HTTP in the server's name."""

import re
from typing import Any
from urllib.parse import urlsplit

from codeactions.domain.run import Answer
from codeactions.runtimes.protocol import MOST_HEADERS, NAME_LIMIT, VALUE_LIMIT, Malformed

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]" + f"{{1,{NAME_LIMIT}}}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]" + f"{{0,{VALUE_LIMIT}}}")
# Framing and connection headers are the HTTP server's; a cookie would be set for the API's host as well, since
# endpoints share it, and NEL, Report-To and the like hold for all of it; Date and Server are the server's own;
# X-Run-Id must be true; a first X-Content-Type-Options would undo the server's; X-Sendfile, and all that begins
# with X-Accel- or X-Envoy-, are orders to a proxy in front, which takes them for the server's.
_NOT_A_RUNS = frozenset(
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
    """Check a RESULT frame's description. Raises `Malformed`: the engine refuses such things before it sends.

    Headers that are not a run's to set are left out.
    """
    status, content_type, headers = meta.get("status_code"), meta.get("content_type"), meta.get("headers")
    if type(status) is not int or not 200 <= status <= 599:
        raise Malformed("a status code that is none")
    if not isinstance(content_type, str) or not _VALUE.fullmatch(content_type):
        raise Malformed("a content type that is none")
    if not isinstance(headers, list) or len(headers) > MOST_HEADERS:
        raise Malformed(f"headers that are no list of at most {MOST_HEADERS}")
    kept = []
    for pair in headers:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise Malformed("a header that is no pair of texts")
        name, value = pair
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Malformed("a header name or value that HTTP does not allow")
        if _may_set(name.lower(), value):
            kept.append((name, value))
    return Answer(body, status, content_type, tuple(kept))


def _may_set(name: str, value: str) -> bool:
    if name == "location":
        return _is_web_address(value)
    return name not in _NOT_A_RUNS and not name.startswith(("x-accel-", "x-envoy-"))


def _is_web_address(value: str) -> bool:
    """Whether a Location leads to a web page or is relative; `javascript:` and the like are not for redirects."""
    try:
        return urlsplit(value.strip()).scheme.lower() in ("", "http", "https")
    except ValueError:
        return False
