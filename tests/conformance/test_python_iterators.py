"""Iterators of Python that give an answer in pieces, and what has a length and does not."""

import pytest
from conformance.languages import Language, run_return
from conformance.pieces import in_pieces

PYTHON_SOURCES = {
    "a generator function": "def Run(engine):\n    yield 'x'\n    yield 'y'\n",
    "an async generator function": "async def Run(engine):\n    yield 'x'\n    yield 'y'\n",
    "an async generator that waits": (
        "import asyncio\nasync def Run(engine):\n    yield 'x'\n    await asyncio.sleep(0)\n    yield 'y'\n"
    ),
    "an async function that returns one": (
        "import asyncio\nasync def Run(engine):\n    queue = asyncio.Queue()\n    async def pieces():\n"
        "        while (piece := await queue.get()): yield piece\n"
        "    async def fill():\n        for piece in 'xy': await queue.put(piece)\n        await queue.put('')\n"
        "    task = asyncio.create_task(fill())\n    return pieces()\n"
    ),
    "a map": "def Run(engine):\n    return map(str.lower, 'XY')\n",
    "a file": "import io\ndef Run(engine):\n    return io.BytesIO(b'xy')\n",
    "an iterator of a class": (
        "class Pieces:\n    left = ['y', 'x']\n    def __iter__(self): return self\n"
        "    def __next__(self):\n        if not self.left: raise StopIteration\n        return self.left.pop()\n"
        "def Run(engine):\n    engine.result(Pieces())\n"
    ),
    "an async iterator of a class": (
        "class Pieces:\n    left = ['y', 'x']\n    def __aiter__(self): return self\n"
        "    async def __anext__(self):\n        if not self.left: raise StopAsyncIteration\n        return self.left.pop()\n"
        "def Run(engine):\n    return Pieces()\n"
    ),
    "a generator that sets the head": (
        "def Run(engine):\n    engine.result.head(200, 'text/plain')\n    yield 'x'\n    yield 'y'\n"
    ),
    "a generator that needs a loop of its own": (
        "import asyncio\ndef Run(engine):\n    yield asyncio.run(asyncio.sleep(0, 'x'))\n    yield 'y'\n"
    ),
}


@pytest.mark.parametrize("source", PYTHON_SOURCES.values(), ids=PYTHON_SOURCES)
def test_whatever_iterates_in_python_gives_its_pieces(python: Language, source: str) -> None:
    answer = in_pieces(python.call({"python": source}))
    assert answer.text == "xy", python.record(answer)["extra"].get("error")


@pytest.mark.parametrize("value", ["[1]", "(1,)", "{1}", "{1: 1}.keys()", "range(1, 2)"])
def test_what_has_a_length_in_python_is_json_as_ever(python: Language, value: str) -> None:
    answer = python.call(run_return(python=value))
    assert (answer.json(), answer.headers["content-length"]) == ([1], "3")


def test_a_result_cannot_be_set_while_its_iterator_is_being_sent(python: Language) -> None:
    source = "def Run(engine):\n    engine.result.set('x')\n    yield 'y'\n"
    answer = python.call({"python": source})
    assert answer.status_code == 500
    message = python.record(answer)["extra"]["error"]["message"]
    assert message == "RuntimeError: engine.result.set comes too late: what the iterator gives is being sent"
