"""The record of a run: how a call and its outcome become a row of `coderuns`."""

import hashlib
from collections.abc import Container, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from codeactions.domain.code import Code
from codeactions.domain.masking import MASK
from codeactions.domain.run import Answer, AnsweredRun, Call, FinishedRun, Outcome, Run, RunStatus
from codeactions.domain.text import bytes_to_text, storable, whole_characters

MASKED_HEADERS = frozenset(("authorization", "cookie", "proxy-authorization", "x-api-key"))


def pairs_to_object(pairs: Iterable[tuple[str, str]], masked: Container[str] = frozenset()) -> dict[str, Any]:
    """Make a JSON object from parameters or headers.

    A single value becomes a text, repeated ones a list of texts. Values of the names in `masked` (in lower case) are
    replaced by `MASK`.
    """
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


def start_run(
    code: Code,
    call: Call,
    *,
    id: UUID,  # noqa: A002
    at: datetime,
    node: str,
    instance: int,
    queue_ms: float,
    artifact: str | None = None,
    masked_headers: Container[str] = frozenset(),
    masked_params: Container[str] = frozenset(),
) -> Run:
    """Make the row of a run that starts.

    Its `extra` identifies the source by the number of its version and by a hash, and what was built of it by
    `artifact`. A source that is only tried has no version: its run is a `trial`. The raw path is there only if it
    differs from the path.
    """
    body, body_encoding, body_charset = _body_of(call)
    extra: dict[str, Any] = {
        "node": node,
        "instance": instance,
        "queue_ms": round(queue_ms, 3),
        "language": code.language,
        "source_sha256": hashlib.sha256((code.source or "").encode()).hexdigest(),
        "method": storable(call.method),
        "path": storable(call.path),
    }
    if call.raw_path and call.raw_path != call.path:
        extra["raw_path"] = storable(call.raw_path)
    if code.version is None:
        extra["trial"] = True
    else:
        extra["version"] = code.version
    if artifact:
        extra["artifact"] = artifact
    if body_encoding:
        extra["body_encoding"] = body_encoding
    if body_charset:
        extra["body_charset"] = body_charset
    return Run(
        id=id,
        code_id=code.id,
        status=RunStatus.STARTED,
        result=None,
        extra=extra,
        params=pairs_to_object(call.params, masked_params),
        body=body,
        headers=pairs_to_object(call.headers, masked_headers),
        created_at=at,
        updated_at=at,
    )


def _body_of(call: Call) -> tuple[str, str | None, str | None]:
    """Return what the record keeps of a call's body: a text, its encoding and its charset.

    The text is the one that the code got, if nothing was lost when it was decoded and PostgreSQL can store it.
    """
    if call.text is not None and "\ufffd" not in call.text and "\x00" not in call.text:
        return call.text, None, call.charset
    return *bytes_to_text(call.body), None


def answer_run(started: Run, answer: Answer, at: datetime, recorded: Answer | None = None) -> AnsweredRun:
    """Make the row of a run that goes on after its answer. recorded: the answer as the record has it."""
    result, added = _told(answer, recorded or answer, is_cut=False)
    run = replace(started, result=result, extra={**started.extra, **added}, updated_at=at)
    return AnsweredRun(started, run, added)


def _told(answer: Answer, recorded: Answer, *, is_cut: bool) -> tuple[str, dict[str, Any]]:
    """Return what the record keeps of an answer: its body as text, and what it adds to `extra`.

    is_cut: whether an answer in pieces may have ended anywhere.
    """
    body = recorded.body
    if answer.size is not None and (is_cut or answer.size > len(answer.body)):
        body = whole_characters(body)  # half a one would make all of a text look like other data
    is_whole = len(body) == len(recorded.body) and answer.size in (None, len(answer.body))
    result, encoding = bytes_to_text(body)
    added: dict[str, Any] = {
        "status_code": recorded.status_code,
        "content_type": storable(recorded.content_type),
        "headers": pairs_to_object(recorded.headers),
    }
    if encoding:
        added["result_encoding"] = encoding
    if answer.size is not None:
        added["result_bytes"] = answer.size
        if not is_whole:
            added["result_cut"] = True
    return result, added


def finish_run(started: Run, outcome: Outcome, at: datetime, recorded: Answer | None = None) -> FinishedRun:
    """Make the row of a run that has ended, from its row at the start and its outcome.

    recorded: the answer as the record has it, if not as the outcome does.
    """
    added: dict[str, Any] = {"duration_ms": round(outcome.duration_ms, 3), "log_lines": len(outcome.logs)}
    if outcome.logs_dropped:
        added["log_lines_dropped"] = outcome.logs_dropped
    if outcome.memory_peak is not None:
        added["memory_peak_bytes"] = outcome.memory_peak
    result = None
    if outcome.answer is not None:
        result, told = _told(outcome.answer, recorded or outcome.answer, is_cut=outcome.error is not None)
        added |= told
    if outcome.error is not None:
        added["error"] = {
            "type": outcome.error.type,
            "message": storable(outcome.error.message),
            "traceback": storable(outcome.error.traceback),
        }
        if outcome.error.line is not None:
            added["error"] |= {"line": outcome.error.line, "column": outcome.error.column}
    extra = {**started.extra, **added}
    run = replace(started, status=outcome.status, result=result, extra=extra, updated_at=at)
    return FinishedRun(started, run, added, outcome)
