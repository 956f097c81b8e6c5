"""How a call and its outcome are written down: from bytes and pairs to what the columns of `coderuns` hold."""

import hashlib
from collections.abc import Iterable
from typing import Any

from codeactions.domain.code import Code
from codeactions.domain.run import Call, Outcome
from codeactions.domain.text import bytes_to_text, storable

MASK = "***"
MASKED_HEADERS = frozenset(("authorization", "cookie", "proxy-authorization", "x-api-key"))


def pairs_to_object(pairs: Iterable[tuple[str, str]], masked: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Parameters or headers as a JSON object: one value as text, repeated ones as a list of text."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        name, text = storable(key), MASK if key.lower() in masked else storable(value)
        if name not in result:
            result[name] = text
        elif isinstance(result[name], list):
            result[name].append(text)
        else:
            result[name] = [result[name], text]
    return result


def start_extra(
    code: Code,
    call: Call,
    *,
    node: str,
    instance: int,
    queue_ms: float,
    body_encoding: str | None,
    artifact: str | None = None,
) -> dict[str, Any]:
    """What `extra` holds of a run from its start on. The hash names the version of the source that ran, `artifact`
    what was built of it."""
    extra: dict[str, Any] = {
        "node": node,
        "instance": instance,
        "queue_ms": round(queue_ms, 3),
        "language": code.language,
        "source_sha256": hashlib.sha256(code.source.encode()).hexdigest(),
        "method": storable(call.method),
        "path": storable(call.path),
    }
    if artifact:
        extra["artifact"] = artifact
    if body_encoding:
        extra["body_encoding"] = body_encoding
    return extra


def end_extra(outcome: Outcome) -> tuple[str | None, dict[str, Any]]:
    """The `result` column, and what `extra` gains when a run ends."""
    extra: dict[str, Any] = {"duration_ms": round(outcome.duration_ms, 3), "log_lines": len(outcome.logs)}
    if outcome.logs_dropped:
        extra["log_lines_dropped"] = outcome.logs_dropped
    if outcome.memory_peak is not None:
        extra["memory_peak_bytes"] = outcome.memory_peak
    result = None
    if outcome.answer is not None:
        result, encoding = bytes_to_text(outcome.answer.body)
        extra["status_code"] = outcome.answer.status_code
        extra["content_type"] = storable(outcome.answer.content_type)
        extra["headers"] = pairs_to_object(outcome.answer.headers)
        if encoding:
            extra["result_encoding"] = encoding
    elif outcome.error is not None:
        extra["error"] = {
            "type": outcome.error.type,
            "message": storable(outcome.error.message),
            "traceback": storable(outcome.error.traceback),
        }
        if outcome.error.line is not None:
            extra["error"] |= {"line": outcome.error.line, "column": outcome.error.column}
    return result, extra
