"""Work after the answer: the answer goes out, and the run goes on until the work is done."""

import httpx
import pytest
from conformance.languages import Language, run

WORK = {
    "a function": run(
        python="""
            def work(word, end="!"):
                time.sleep(0.2)
                engine.log.info(word + end)
            import time
            engine.background(work, "worked", end=".")
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            """
    ),
    "an async function": run(
        python="""
            async def work(word):
                import asyncio
                await asyncio.sleep(0.2)
                engine.log.info(word)
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            engine.background(work, "worked.")
            """
    ),
    "what is awaited": run(
        python="""
            async def work(word):
                import asyncio
                await asyncio.sleep(0.2)
                engine.log.info(word)
            engine.background(work("worked."))
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            """
    ),
}


@pytest.mark.parametrize("sources", WORK.values(), ids=WORK)
def test_the_answer_goes_out_before_the_work_is_done(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources)
    record = language.record(answer)
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (202, {"a": 1}, "1")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert (record["status"], record["result"]) == ("started", answer.text)
    assert (record["extra"]["status_code"], record["extra"]["headers"]) == (202, {"X-A": "1"})
    assert "duration_ms" not in record["extra"]
    record = language.finished(answer)
    assert (record["status"], record["result"]) == ("completed", answer.text)
    assert record["extra"]["duration_ms"] > 200
    assert language.logs(answer) == [("info", "worked.")]


@pytest.mark.parametrize("sources", WORK.values(), ids=WORK)
def test_a_call_by_run_is_told_of_a_run_that_goes_on(language: Language, sources: dict[str, str]) -> None:
    answer = language.server.client.post(f"/run/{language.deploy(sources)}")
    told = answer.json()["result"]
    assert (answer.status_code, told["status"]) == (200, "started")
    assert (told["result"], told["extra"]["status_code"]) == (language.finished(answer)["result"], 202)


RETURNED = run(
    python="""
        import time
        engine.background(time.sleep, 0.2)
        return "x"
        """
)


def test_a_value_that_is_returned_goes_out_before_the_work(language: Language) -> None:
    answer = language.call(RETURNED)
    assert answer.text == "x"
    assert language.record(answer)["status"] == "started"
    assert language.finished(answer)["status"] == "completed"


STREAMED = {
    "iterator": run(
        python="""
            import time
            engine.background(time.sleep, 0.2)
            return iter("xyz")
            """
    ),
    "written": run(
        python="""
            import time
            engine.result.write("x")
            engine.background(time.sleep, 0.2)
            engine.result.write("yz")
            """
    ),
}


@pytest.mark.parametrize("sources", STREAMED.values(), ids=STREAMED)
def test_an_answer_in_pieces_is_whole_before_the_work_is_done(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources)
    record = language.record(answer)
    assert (answer.text, answer.headers["transfer-encoding"]) == ("xyz", "chunked")
    assert (record["status"], record["result"]) == ("started", "xyz")
    assert language.finished(answer)["status"] == "completed"


FAILING = run(
    python="""
        def fail(what):
            raise ValueError(what)
        engine.background(fail, "first")
        engine.background(engine.log.info, "tried")
        engine.background(fail, "second")
        return "x"
        """
)


def test_every_work_is_tried_and_the_first_error_is_the_runs(language: Language) -> None:
    answer = language.call(FAILING)
    assert (answer.status_code, answer.text) == (200, "x")
    record = language.finished(answer)
    assert (record["status"], record["result"]) == ("failed", "x")
    assert record["extra"]["error"]["type"] == "exception"
    assert "first" in record["extra"]["error"]["message"]
    logs = language.logs(answer)
    assert ("info", "tried") in logs
    (told,) = [content for level, content in logs if level == "error"]
    assert "second" in told


NESTED = run(
    python="""
        def outer():
            engine.background(inner)
        async def inner():
            engine.background(engine.log.info, "innermost")
        engine.background(outer)
        """
)


def test_work_may_begin_further_work(language: Language) -> None:
    answer = language.call(NESTED)
    assert (answer.status_code, answer.text) == (200, "")
    assert language.finished(answer)["status"] == "completed"
    assert language.logs(answer) == [("info", "innermost")]


TOO_LATE = run(
    python="""
        def late():
            for tried in (lambda: engine.result.set("y"), lambda: engine.result.write("y"), engine.result.head):
                try: tried()
                except RuntimeError as error: engine.log.info(error)
        engine.background(late)
        return "x"
        """
)


def test_the_result_cannot_be_changed_by_the_work_after_it(language: Language) -> None:
    answer = language.call(TOO_LATE)
    assert answer.text == "x"
    assert language.finished(answer)["result"] == "x"
    messages = [content for _, content in language.logs(answer)]
    assert len(messages) == 3
    assert all("too late" in message and "gone out" in message for message in messages), messages


ENDLESS = run(
    python="""
        import time
        engine.background(time.sleep, 1000)
        return "x"
        """
)


def test_work_without_end_is_ended_when_the_runs_time_is_over(language: Language) -> None:
    answer = language.call(ENDLESS, fields={"timeout": 5})
    assert answer.text == "x"
    record = language.finished(answer)
    assert (record["status"], record["result"], record["extra"]["error"]["type"]) == ("failed", "x", "timeout")


FAILED_RUN = run(
    python="""
        engine.background(engine.log.info, "never")
        raise ValueError("no")
        """
)


def test_a_run_that_fails_before_its_answer_does_no_work_after_it(language: Language) -> None:
    answer = language.call(FAILED_RUN)
    assert (answer.status_code, answer.json()["error_type"]) == (500, "exception")
    assert language.logs(answer) == []


SLOW = run(
    python="""
        import time
        engine.background(time.sleep, 0.5)
        return "x"
        """
)


def test_a_client_that_leaves_does_not_end_the_work(language: Language) -> None:
    code_id = language.deploy(SLOW)
    with httpx.Client(base_url=language.server.base) as client:
        answer = client.get(f"/endpoint/{code_id}")
    assert language.record(answer)["status"] == "started"
    assert language.finished(answer)["status"] == "completed"


LEFT = {
    "nothing": ("def Run(engine):\n    return 'x'\n", ""),
    "a task": (
        "import asyncio\nasync def Run(engine):\n    asyncio.create_task(asyncio.sleep(50))\n    return 'x'\n",
        "1 task",
    ),
    "threads": (
        "import threading, time\ndef Run(engine):\n"
        "    for _ in range(2): threading.Thread(target=time.sleep, args=(50,)).start()\n    return 'x'\n",
        "2 threads",
    ),
    "a coroutine": (
        "async def save(): pass\ndef Run(engine):\n    save()\n    return 'x'\n",
        "1 coroutine never awaited (save)",
    ),
    "a daemon": (
        "import threading, time\ndef Run(engine):\n"
        "    threading.Thread(target=time.sleep, args=(50,), daemon=True).start()\n    return 'x'\n",
        "",
    ),
    "an idle pool": (
        "from concurrent.futures import ThreadPoolExecutor\nPOOL = ThreadPoolExecutor(3)\n"
        "def Run(engine):\n    return ''.join(POOL.map(str.lower, 'X'))\n",
        "",
    ),
    "a busy pool": (
        "import time\nfrom concurrent.futures import ThreadPoolExecutor\nPOOL = ThreadPoolExecutor(3)\n"
        "def Run(engine):\n    POOL.submit(time.sleep, 50)\n    return 'x'\n",
        "1 thread",
    ),
    "a task that is done": (
        "import asyncio\nasync def Run(engine):\n    task = asyncio.create_task(asyncio.sleep(0))\n    await task\n"
        "    return await asyncio.to_thread(str.lower, 'X')\n",
        "",
    ),
    "work that is handed over": (
        "import asyncio\nasync def Run(engine):\n    engine.background(asyncio.create_task(asyncio.sleep(0)))\n"
        "    return 'x'\n",
        "",
    ),
}


@pytest.mark.parametrize(("source", "told"), LEFT.values(), ids=LEFT)
def test_what_a_python_code_leaves_unfinished_is_one_warning(python: Language, source: str, told: str) -> None:
    answer = python.call({"python": source})
    assert answer.text == "x", python.record(answer)["extra"].get("error")
    python.finished(answer)
    expected = [
        ("warning", f"the run ended and left unfinished: {told}. Wait for such work, or give it to engine.background")
    ]
    assert python.logs(answer) == (expected if told else [])


def test_async_work_goes_on_at_the_same_time(python: Language) -> None:
    source = """
        def Run(engine):
            import asyncio
            met = []
            async def meet(name):
                met.append(name)
                while len(met) < 2:
                    await asyncio.sleep(0.001)
                engine.log.info("met")
            engine.background(meet, "a")
            engine.background(meet("b"))
            return "x"
        """
    answer = python.call({"python": source})
    assert python.finished(answer)["status"] == "completed"
    assert python.logs(answer) == [("info", "met")] * 2


def test_work_of_an_async_run_goes_on_in_its_loop(python: Language) -> None:
    source = """
        import asyncio
        async def Run(engine):
            lock = asyncio.Lock()
            await lock.acquire()
            async def work():
                async with lock:
                    engine.log.info("worked")
            task = asyncio.create_task(work())
            engine.background(task)
            engine.background(lock.release)
            await asyncio.sleep(0)
            return "x"
        """
    answer = python.call({"python": source})
    assert python.finished(answer)["status"] == "completed"
    assert python.logs(answer) == [("info", "worked")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("1", "TypeError: engine.background takes a function or an awaitable, not a int"),
        ("save(), 1", "TypeError: a coroutine takes no arguments: give engine.background the function itself"),
    ],
)
def test_what_is_no_work_is_refused_at_once(python: Language, given: str, message: str) -> None:
    source = f"async def save(): pass\ndef Run(engine):\n    engine.background({given})\n"
    answer = python.call({"python": source})
    assert python.record(answer)["extra"]["error"]["message"] == message
