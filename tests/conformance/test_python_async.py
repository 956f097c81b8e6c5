"""Async functions in Python: every one that can wait has an event loop; one that cannot pays for none."""

import pytest
from conformance.languages import Language

# The library's text is put together here, so that the action's source has none of its words.
_LIBRARY = """
import pathlib
import sys

pathlib.Path("/tmp/lib.py").write_text({text!r}.replace("%", "a"))
sys.path.append("/tmp")
{use}
"""


def _with_library(text: str, use: str) -> dict[str, str]:
    return {"python": _LIBRARY.format(text=text.replace("a", "%"), use=use)}


@pytest.mark.parametrize(
    ("library", "use"),
    [
        (
            "async def handler(engine):\n    import asyncio\n    return await asyncio.sleep(0.01, 'x')\n",
            "from lib import handler as Run",
        ),
        (
            "async def handler(engine):\n    import asyncio\n    asyncio.get_running_loop()\n    return 'x'\n",
            "from lib import handler as Run",
        ),
        (
            "import asyncio\nasync def handler(engine):\n    async with asyncio.timeout(5):\n        return 'x'\n",
            "from lib import handler as Run",
        ),
        (
            "import asyncio\ndef begin():\n    asyncio.get_running_loop().create_task(asyncio.sleep(50))\n",
            "from lib import begin\nasync def Run(engine):\n    begin()\n    return 'x'",
        ),
        (
            "async def numbers():\n    import asyncio\n    await asyncio.sleep(0)\n    yield 'x'\n"
            "async def handler(engine):\n    async for number in numbers():\n        return number\n",
            "def Run(engine):\n    from lib import handler\n    return handler(engine)",
        ),
        (
            "class Later:\n    def __await__(self):\n        yield\n        return 'x'\n"
            "    def send(self, message):\n        raise ValueError('this sends mail')\n",
            "from lib import Later\ndef Run(engine):\n    return Later()",
        ),
        (
            "import types\n@types.coroutine\ndef handler(engine):\n    yield\n    return 'x'\n",
            "from lib import handler as Run",
        ),
    ],
    ids=["sleep", "loop", "async with", "helper", "async for", "an awaitable that sends", "generator"],
)
def test_what_a_library_waits_for_needs_no_word_in_the_source(python: Language, library: str, use: str) -> None:
    sources = _with_library(library, use)
    assert not any(word in sources["python"] for word in ("await", "asyncio", "async with", "async for"))
    answer = python.call(sources)
    assert answer.text == "x", python.record(answer)["extra"].get("error")


def test_an_async_run_that_cannot_wait_loads_no_event_loop(python: Language) -> None:
    source = 'import sys\n\nasync def Run(engine):\n    return "async" "io" in sys.modules\n'
    assert python.call({"python": source}).json() is False
