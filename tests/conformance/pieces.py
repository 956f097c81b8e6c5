"""How an answer that comes in pieces is told, and taken."""

import httpx


def in_pieces(answer: httpx.Response) -> httpx.Response:
    """An answer that came in pieces, as far as its headers tell."""
    assert answer.headers["transfer-encoding"] == "chunked", (answer.text, answer.headers)
    assert "content-length" not in answer.headers
    assert answer.headers["x-accel-buffering"] == "no"
    return answer


def take(answer: httpx.Response, received: bytearray) -> None:
    """Take an answer to its end. Raises when it is cut."""
    for piece in answer.iter_raw():
        received += piece
