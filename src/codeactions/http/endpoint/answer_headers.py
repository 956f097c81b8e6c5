"""The headers of an endpoint's answer: those that the run says, and the server's own."""

from codeactions.domain.run import AnswerHead

WITHOUT_BODY = (204, 205, 304)
"""The status codes of answers that have no body, whatever the run says."""
# Endpoints share their origin with the API. A page that one of them returns gets an origin of its own, so that its
# scripts cannot act for a user who has the API open in the same browser.
_ISOLATION = b"sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"


def answer_headers(head: AnswerHead, run_id: str, *, length: int | None) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer. length: of its body in bytes; None of one that goes out as it comes."""
    headers = [(b"content-type", head.content_type.encode())]
    if length is not None and head.status_code not in WITHOUT_BODY:
        headers.append((b"content-length", str(length).encode()))
    headers += [(name.encode(), value.encode()) for name, value in head.headers]
    headers += [
        (b"content-security-policy", _ISOLATION),
        (b"x-content-type-options", b"nosniff"),
        (b"x-run-id", run_id.encode()),
    ]
    return headers
