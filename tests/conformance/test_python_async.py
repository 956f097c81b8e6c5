"""Async functions in Python: every one that needs an event loop has one; one that needs none pays for none."""

from textwrap import dedent

import pytest
from conformance.languages import Language

# The library is a file of the run's own, so that the action's source has none of its words.
_LIBRARY = """
import pathlib
import sys

pathlib.Path("/tmp/lib.py").write_text({text!r})
sys.path.append("/tmp")
{use}
"""
_IMPORTED = "from lib import handler as Run"


def _with_library(text: str, use: str = _IMPORTED) -> dict[str, str]:
    return {"python": _LIBRARY.format(text=dedent(text), use=use)}


LIBRARIES = {
    "sleep": """
        async def handler(engine):
            import asyncio
            return await asyncio.sleep(0.01, 'x')
        """,
    "loop": """
        async def handler(engine):
            import asyncio
            asyncio.get_running_loop()
            return 'x'
        """,
    "task": """
        async def handler(engine):
            from asyncio import current_task
            current_task().set_name('x')
            return current_task().get_name()
        """,
    "async with": """
        import asyncio
        async def handler(engine):
            async with asyncio.timeout(5):
                return 'x'
        """,
    "a group of tasks": """
        async def handler(engine):
            import asyncio
            async with asyncio.TaskGroup() as group:
                task = group.create_task(asyncio.sleep(0.01, 'x'))
            return task.result()
        """,
    "a time-out that is over": """
        async def handler(engine):
            import asyncio
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(50)
            except TimeoutError:
                return 'x'
        """,
    "a thread": """
        async def handler(engine):
            import asyncio
            return await asyncio.to_thread(lambda: 'x')
        """,
    "a context variable": """
        from contextvars import ContextVar
        VARIABLE = ContextVar('variable')
        async def handler(engine):
            from asyncio.tasks import sleep
            VARIABLE.set('x')
            await sleep(0)
            return VARIABLE.get()
        """,
    "what is cancelled before it waits": """
        async def handler(engine):
            import asyncio
            asyncio.current_task().cancel()
            try:
                await asyncio.sleep(50)
            except asyncio.CancelledError:
                asyncio.current_task().uncancel()
                return 'x'
        """,
    "asyncio.run inside": """
        async def handler(engine):
            import asyncio
            work = asyncio.sleep(0)
            try:
                asyncio.run(work)
            except RuntimeError as error:
                work.close()
                return 'x' if 'running event loop' in str(error) else str(error)
        """,
    "asyncio.run in a plain function": """
        import asyncio
        def handler(engine):
            return asyncio.run(asyncio.sleep(0.01, 'x'))
        """,
    "what is left to do": """
        async def handler(engine):
            import asyncio
            asyncio.create_task(asyncio.sleep(500))
            return 'x'
        """,
    "a decorator": """
        import asyncio, functools
        def decorated(function):
            @functools.wraps(function)
            def around(*given):
                return function(*given)
            return around
        @decorated
        async def handler(engine):
            return await asyncio.sleep(0, 'x')
        """,
    "a partial": """
        import functools
        async def named(name, engine):
            import asyncio
            return await asyncio.sleep(0, name)
        handler = functools.partial(named, 'x')
        """,
    "a method": """
        class Action:
            async def run(self, engine):
                import asyncio
                return await asyncio.sleep(0, 'x')
        handler = Action().run
        """,
    "a callable": """
        class Action:
            async def __call__(self, engine):
                import asyncio
                return await asyncio.sleep(0, 'x')
        handler = Action()
        """,
    "an awaitable": """
        class handler:
            def __init__(self, engine):
                pass
            def __await__(self):
                yield
                return 'x'
            def send(self, message):
                raise ValueError('this sends mail')
        """,
    "a generator": """
        import types
        @types.coroutine
        def handler(engine):
            yield
            return 'x'
        """,
    "a task of a loop of its own": """
        import asyncio
        def handler(engine):
            return asyncio.new_event_loop().create_task(asyncio.sleep(0.01, 'x'))
        """,
    "what finds out in which loop it is": """
        import pathlib
        pathlib.Path('/tmp/sniffio.py').write_text('''
        def current():
            import sys
            asyncio = sys.modules.get('asyncio')
            return 'asyncio' if asyncio and asyncio.current_task() else 'none'
        '''.replace('\\n        ', '\\n'))
        async def handler(engine):
            import sniffio
            return 'x' if sniffio.current() == 'asyncio' else 'no loop'
        """,
}


@pytest.mark.parametrize("kind", LIBRARIES)
def test_what_a_library_waits_for_needs_no_word_in_the_source(python: Language, kind: str) -> None:
    sources = _with_library(LIBRARIES[kind])
    answer = python.call(sources)
    assert answer.text == "x", python.record(answer)["extra"].get("error")


@pytest.mark.parametrize(
    ("library", "use"),
    [
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
            "async def handler(engine):\n    import asyncio\n    return await asyncio.sleep(0, 'x')\n",
            "async def Run(engine):\n    from lib import handler\n    return handler(engine)",
        ),
    ],
    ids=["helper", "async for", "handed on"],
)
def test_a_source_that_calls_such_a_library_is_waited_for(python: Language, library: str, use: str) -> None:
    answer = python.call(_with_library(library, use))
    assert answer.text == "x", python.record(answer)["extra"].get("error")


def test_an_async_generator_is_closed_at_the_end_even_if_it_was_begun_without_a_loop(python: Language) -> None:
    source = """
        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                from asyncio import sleep
                await sleep(0)
                print("closed")

        NUMBERS = numbers()

        async def Run(engine):
            return await anext(NUMBERS)
        """
    assert [content for _, content in python.lines({"python": source})] == ["closed"]


def test_what_an_async_function_raises_is_told_with_its_own_lines_alone(python: Language) -> None:
    source = """
        async def Run(engine):
            import asyncio
            asyncio.get_running_loop()
            raise ValueError("too small")
        """
    error = python.failure(python.call({"python": source}))
    assert error["message"] == "ValueError: too small"
    assert error["traceback"].count("File ") == 1


def test_an_async_run_that_needs_no_event_loop_loads_none(python: Language) -> None:
    source = """
        import sys

        async def helper():
            return "asyncio" in sys.modules

        async def Run(engine):
            return await helper()
        """
    assert python.call({"python": source}).json() is False
