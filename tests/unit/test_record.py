"""How a call and its outcome are written down."""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from recording import CODE, NOW

from codeactions.domain.log import LogLine
from codeactions.domain.masking import MASK
from codeactions.domain.record import answer_run, finish_run, pairs_to_object, start_run
from codeactions.domain.run import Answer, Call, ErrorType, FinishedRun, Outcome, Run, RunError, RunStatus

LATER = NOW + timedelta(seconds=1)


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


def started(call: Call | None = None, **changes: Any) -> Run:
    values: dict[str, Any] = {"node": "n1", "instance": 7, "queue_ms": 1.23456, **changes}
    return start_run(CODE, call or Call(), id=UUID(int=2), at=NOW, **values)


def finished(outcome: Outcome) -> FinishedRun:
    return finish_run(started(), outcome, LATER)


def test_the_start_names_the_version_of_the_source_that_ran() -> None:
    run = started(Call("PUT", "/a\x00b"))
    assert run.extra == {
        "node": "n1", "instance": 7, "queue_ms": 1.235, "language": "python", "method": "PUT", "path": "/a\ufffdb",
        "version": 1, "source_sha256": hashlib.sha256("grüße".encode()).hexdigest(),
    }  # fmt: skip
    assert (run.status, run.result, run.created_at, run.updated_at) == (RunStatus.STARTED, None, NOW, NOW)
    assert started(artifact="k").extra["artifact"] == "k"


def test_a_body_that_is_no_text_is_recorded_in_base64() -> None:
    run = started(Call(body=b"\xff"))
    assert (run.body, run.extra["body_encoding"]) == ("/w==", "base64")


def test_an_answer_is_recorded_with_its_status_type_and_headers() -> None:
    answer = Answer("ü".encode(), 201, "text/x", (("A", "1"), ("A", "2")))
    end = finished(Outcome(answer=answer, duration_ms=1.23456, logs=[LogLine("info", "x", NOW)]))
    assert end.added == {
        "duration_ms": 1.235,
        "log_lines": 1,
        "status_code": 201,
        "content_type": "text/x",
        "headers": {"A": ["1", "2"]},
    }
    assert end.run.extra == {**end.started.extra, **end.added}
    assert (end.run.status, end.run.result) == (RunStatus.COMPLETED, "ü")
    assert (end.run.created_at, end.run.updated_at) == (NOW, LATER)
    assert end.started == started()


def test_an_answer_that_is_no_text_is_recorded_in_base64() -> None:
    end = finished(Outcome(answer=Answer(b"\xff")))
    assert (end.run.result, end.added["result_encoding"]) == ("/w==", "base64")


def test_an_error_is_recorded_with_its_type_message_and_traceback() -> None:
    outcome = Outcome(error=RunError(ErrorType.TIMEOUT, "m\x00", "t\ud800"), logs_dropped=3, memory_peak=5)
    end = finished(outcome)
    assert (end.run.status, end.run.result) == (RunStatus.FAILED, None)
    error = end.added["error"]
    assert (error["type"], error["message"]) == ("timeout", "m\ufffd")
    assert error["traceback"].startswith("t")
    error["traceback"].encode()
    assert (end.added["log_lines_dropped"], end.added["memory_peak_bytes"]) == (3, 5)
    assert "status_code" not in end.added


def test_an_empty_answer_is_an_empty_text_and_no_result_is_none() -> None:
    assert finished(Outcome(answer=Answer(b""))).run.result == ""
    assert finished(Outcome(error=RunError(ErrorType.KILLED, "x"))).run.result is None


def test_a_body_of_another_charset_is_recorded_as_the_text_that_it_is() -> None:
    run = started(Call(body=b"\xfc", text="ü", charset="cp1252"))
    assert (run.body, run.extra["body_charset"]) == ("ü", "cp1252")
    assert "body_encoding" not in run.extra


@pytest.mark.parametrize("text", ["a\ufffd", "a\x00"])
def test_a_body_that_no_text_can_stand_for_is_recorded_as_bytes(text: str) -> None:
    run = started(Call(body=b"\xfc\xff", text=text, charset="utf-16"))
    assert (run.body, run.extra["body_encoding"]) == ("/P8=", "base64")
    assert "body_charset" not in run.extra


def test_the_raw_path_is_recorded_where_it_tells_more() -> None:
    assert started(Call(path="/a/b", raw_path="/a%2Fb")).extra["raw_path"] == "/a%2Fb"
    assert "raw_path" not in started(Call(path="/a/b", raw_path="/a/b")).extra


PIECES = "aü".encode()
ERROR = RunError(ErrorType.EXCEPTION, "no")


@pytest.mark.parametrize(
    ("answer", "error", "result", "told"),
    [
        (Answer(PIECES, size=3), None, "aü", {"result_bytes": 3}),
        (Answer(PIECES, size=9), None, "aü", {"result_bytes": 9, "result_cut": True}),
        (Answer(PIECES[:2], size=9), None, "a", {"result_bytes": 9, "result_cut": True}),
        (Answer(PIECES[:2], size=2), None, "YcM=", {"result_bytes": 2, "result_encoding": "base64"}),
        (Answer(PIECES[:2], size=2), ERROR, "a", {"result_bytes": 2, "result_cut": True}),
        (
            Answer(b"\xff\xc3", size=9),
            None,
            "/8M=",
            {"result_bytes": 9, "result_cut": True, "result_encoding": "base64"},
        ),
        (Answer(PIECES[:2]), ERROR, "YcM=", {"result_encoding": "base64"}),
        (Answer(b"", size=0), ERROR, "", {"result_bytes": 0}),
    ],
    ids=[
        *("whole", "longer than what is kept", "cut in a character", "bytes that look cut"),
        *("failed in a character", "bytes", "not in pieces", "no piece"),
    ],
)
def test_an_answer_in_pieces_tells_its_size_and_whether_all_of_it_is_kept(
    answer: Answer, error: RunError | None, result: str, told: dict[str, object]
) -> None:
    found = finished(Outcome(answer=answer, error=error))
    assert found.run.result == result
    assert {name: found.added[name] for name in found.added if name.startswith("result_")} == told
    assert ("error" in found.added) is (error is not None)
    assert found.run.status is (RunStatus.COMPLETED if error is None else RunStatus.FAILED)


def test_the_row_of_a_run_that_goes_on_has_its_answer_and_is_started() -> None:
    begun = started()
    found = answer_run(begun, Answer(b"x", 201, "text/plain", (("X-A", "1"),)), NOW)
    assert (found.run.status, found.run.result, found.started) == (RunStatus.STARTED, "x", begun)
    assert found.added == {"status_code": 201, "content_type": "text/plain", "headers": {"X-A": "1"}}
    assert found.run.extra == {**begun.extra, **found.added}
