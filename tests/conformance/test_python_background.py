"""Work after the answer in Python, and what a code leaves unfinished without it."""

import pytest
from conformance.languages import Language

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
    "a thread whose class ends it by join": (
        "import threading\nclass Worker(threading.Thread):\n    def __init__(self):\n        super().__init__()\n"
        "        self.stop = threading.Event()\n    def run(self): self.stop.wait()\n"
        "    def join(self):\n        self.stop.set()\n        super().join()\n"
        "def Run(engine):\n    Worker().start()\n    return 'x'\n",
        "1 thread",
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
        (
            "pieces",
            "TypeError: engine.background takes a function that does its work when it is called: a generator function, "
            "one with a yield in it, does none until something goes through what it returns",
        ),
        ("save(), 1", "TypeError: a coroutine takes no arguments: give engine.background the function itself"),
    ],
)
def test_what_is_no_work_is_refused_at_once(python: Language, given: str, message: str) -> None:
    source = f"async def save(): pass\ndef pieces(): yield\ndef Run(engine):\n    engine.background({given})\n"
    answer = python.call({"python": source})
    assert python.record(answer)["extra"]["error"]["message"] == message
