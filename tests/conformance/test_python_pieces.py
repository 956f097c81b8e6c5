"""Pieces of an answer in Python: written by several threads, and what is done when one cannot be sent."""

import pytest
from conformance.languages import Language
from conformance.pieces import in_pieces


def test_threads_may_write_at_the_same_time(python: Language) -> None:
    source = """
        import threading
        def Run(engine):
            meeting = threading.Barrier(8)
            def work(name):
                meeting.wait()
                engine.result.write(name * 200_000)
            threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
    """
    answer = in_pieces(python.call({"python": source}))
    assert sorted(answer.text[start] for start in range(0, 1_600_000, 200_000)) == list("abcdefgh")
    assert all(
        answer.text[start : start + 200_000] == answer.text[start] * 200_000 for start in range(0, 1_600_000, 200_000)
    )


@pytest.mark.parametrize("work", ["", "engine.background(print, 'worked')"])
def test_a_thread_that_writes_on_ends_with_the_answer(python: Language, work: str) -> None:
    source = f"""
        import threading
        def Run(engine):
            begun = threading.Event()
            def write():
                while True:
                    engine.result.write("x")
                    begun.set()
            threading.Thread(target=write, daemon=True).start()
            begun.wait()
            {work}
    """
    answer = in_pieces(python.call({"python": source}))
    assert set(answer.text) == {"x"}
    record = python.finished(answer)
    assert record["status"] == "completed", record["extra"].get("error")


@pytest.mark.parametrize(
    ("kind", "call"), [("def", "engine.result.set(pieces())"), ("async def", "return pieces()")], ids=["sync", "async"]
)
def test_a_generator_is_closed_when_its_piece_cannot_be_sent(python: Language, kind: str, call: str) -> None:
    source = f"""
        def Run(engine):
            {kind} pieces():
                try:
                    yield object()
                finally:
                    print("closed")
            {call}
    """
    answer = python.call({"python": source})
    assert answer.status_code == 500
    assert python.logs(answer) == [("info", "closed")]


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_generator_sees_the_context_of_the_async_run_that_gave_it(python: Language, kind: str) -> None:
    source = f"""
        import contextvars
        user = contextvars.ContextVar("user", default="nobody")
        async def Run(engine):
            user.set("me")
            {kind} pieces():
                yield user.get()
            return pieces()
    """
    assert in_pieces(python.call({"python": source})).text == "me"
