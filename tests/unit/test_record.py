"""How a call and its outcome are written down."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

from codeactions.domain.code import Code
from codeactions.domain.log import LogLine
from codeactions.domain.record import MASK, end_extra, pairs_to_object, start_extra
from codeactions.domain.run import Answer, Call, ErrorType, Outcome, RunError, RunStatus

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CODE = Code(
    id=UUID(int=1), name="n", type="flow", source="grüße", language="python", url=None, project_uuid="p",
    timeout=60, created_at=NOW, updated_at=NOW,
)  # fmt: skip


def test_pairs_become_an_object_with_lists_for_what_is_repeated() -> None:
    pairs = [("a", "1"), ("b", ""), ("a", "2"), ("", "x"), ("a", "3")]
    assert pairs_to_object(pairs) == {"a": ["1", "2", "3"], "b": "", "": "x"}
    assert pairs_to_object([]) == {}


def test_masked_headers_keep_their_name_and_number_only() -> None:
    pairs = [("Authorization", "s1"), ("x", "kept"), ("COOKIE", "s2"), ("cookie", "s3")]
    masked = pairs_to_object(pairs, frozenset(("authorization", "cookie")))
    assert masked == {"Authorization": MASK, "x": "kept", "COOKIE": MASK, "cookie": MASK}
    assert pairs_to_object([("cookie", "a"), ("cookie", "b")], frozenset(("cookie",))) == {"cookie": [MASK, MASK]}


def test_names_and_values_that_cannot_be_stored_are_made_storable() -> None:
    assert pairs_to_object([("a\x00", "\x00b")]) == {"a\ufffd": "\ufffdb"}


def test_the_start_names_the_version_of_the_source_that_ran() -> None:
    call = Call("PUT", "/a\x00b")
    extra = start_extra(CODE, call, node="n1", instance=7, queue_ms=1.23456, body_encoding=None)
    assert extra == {
        "node": "n1", "instance": 7, "queue_ms": 1.235, "language": "python", "method": "PUT", "path": "/a\ufffdb",
        "source_sha256": hashlib.sha256("grüße".encode()).hexdigest(),
    }  # fmt: skip
    coded = start_extra(CODE, call, node="n1", instance=7, queue_ms=0, body_encoding="base64")
    assert coded["body_encoding"] == "base64"


def test_an_answer_is_recorded_with_its_status_type_and_headers() -> None:
    answer = Answer("ü".encode(), 201, "text/x", (("A", "1"), ("A", "2")))
    outcome = Outcome(answer=answer, duration_ms=1.23456, logs=[LogLine("info", "x", NOW)])
    assert outcome.status is RunStatus.COMPLETED
    assert end_extra(outcome) == (
        "ü",
        {
            "duration_ms": 1.235,
            "log_lines": 1,
            "status_code": 201,
            "content_type": "text/x",
            "headers": {"A": ["1", "2"]},
        },
    )


def test_an_answer_that_is_no_text_is_recorded_in_base64() -> None:
    result, extra = end_extra(Outcome(answer=Answer(b"\xff")))
    assert (result, extra["result_encoding"]) == ("/w==", "base64")


def test_an_error_is_recorded_with_its_type_message_and_traceback() -> None:
    outcome = Outcome(error=RunError(ErrorType.TIMEOUT, "m\x00", "t\ud800"), logs_dropped=3, memory_peak=5)
    assert outcome.status is RunStatus.FAILED
    result, extra = end_extra(outcome)
    assert result is None
    assert extra["error"]["type"] == "timeout"
    assert extra["error"]["message"] == "m\ufffd"
    assert extra["error"]["traceback"].startswith("t")
    extra["error"]["traceback"].encode()
    assert (extra["log_lines_dropped"], extra["memory_peak_bytes"]) == (3, 5)
    assert "status_code" not in extra


def test_an_empty_answer_is_an_empty_text_and_no_result_is_none() -> None:
    assert end_extra(Outcome(answer=Answer(b"")))[0] == ""
    assert end_extra(Outcome(error=RunError(ErrorType.KILLED, "x")))[0] is None
