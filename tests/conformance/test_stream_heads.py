"""The head of an answer in pieces: what goes out before the first, and when it is too late for it."""

import pytest
from conformance.languages import Language, run

WRITTEN = run(
    python="engine.result.write('a')\nengine.result.write('b')",
    javascript="await engine.result.write('a'); await engine.result.write('b');",
    go="""for _, one := range "ab" { fmt.Fprintf(engine.Result, "%c", one) }""",
)
ITERATOR = run(
    python="return iter('ab')",
    javascript="return ['a', 'b'].values();",
    go="""return slices.Values([]string{"a", "b"}), nil""",
)


HEAD_ALONE = run(
    python="engine.result.head(404, headers={'X-A': '1'})",
    javascript="engine.result.head({statusCode: 404, headers: {'X-A': '1'}});",
    go="""engine.Result.Head(codeactions.StatusCode(404), codeactions.Headers(map[string]string{"X-A": "1"}))""",
)


def test_a_head_alone_is_an_empty_answer(language: Language) -> None:
    answer = language.call(HEAD_ALONE)
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (404, "", "1")


HEAD_OF_VALUE = run(
    python="engine.result.head(201, 'text/x-own')\nreturn {'a': 1}",
    javascript="engine.result.head({statusCode: 201, contentType: 'text/x-own'}); return {a: 1};",
    go="""
        engine.Result.Head(codeactions.StatusCode(201), codeactions.ContentType("text/x-own"))
        return map[string]int{"a": 1}, nil
        """,
)


def test_a_head_counts_for_a_value_that_is_returned(language: Language) -> None:
    answer = language.call(HEAD_OF_VALUE)
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (201, {"a": 1}, "text/x-own")


@pytest.mark.parametrize("sources", [WRITTEN, ITERATOR], ids=["written", "iterator"])
def test_head_requests_get_the_head_and_the_run_is_on_record(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources, method="HEAD")
    assert answer.content == b""
    assert answer.headers["x-accel-buffering"] == "no"
    language.server.client.get("/healthz")  # the connection is in order
    assert language.finished(answer)["status"] == "completed"


NO_BODY = run(
    python="engine.result.head(204)\nengine.result.write('x')",
    javascript="engine.result.head({statusCode: 204}); await engine.result.write('x');",
    go="""engine.Result.Head(codeactions.StatusCode(204)); fmt.Fprint(engine.Result, "x")""",
)


def test_an_answer_that_has_no_body_by_its_status_sends_none(language: Language) -> None:
    answer = language.call(NO_BODY)
    assert (answer.status_code, answer.content) == (204, b"")
    assert language.finished(answer)["status"] == "completed"


# Each raises in the code, which catches it and tells the message in the answer.
MISUSES = {
    "set after write": (
        run(
            python="""
                engine.result.write("x")
                try: engine.result.set("y")
                except RuntimeError as error: engine.result.write(str(error))
                """,
            javascript="""
                await engine.result.write("x");
                try { engine.result.set("y"); } catch (error) { await engine.result.write(error.message); }
                """,
            go="""
                fmt.Fprint(engine.Result, "x")
                fmt.Fprint(engine.Result, engine.Result.Set("y"))
                """,
        ),
        {
            "python": "xengine.result.set after engine.result.write: a result is either set or written",
            "javascript": "xengine.result.set after engine.result.write: a result is either set or written",
            "go": "xengine.Result.Set after engine.Result.Write: a result is either set or written",
        },
    ),
    "write after set": (
        run(
            python="""
                engine.result.set("y")
                try: engine.result.write("x")
                except RuntimeError as error: engine.result.set(str(error))
                """,
            javascript="""
                engine.result.set("y");
                try { await engine.result.write("x"); } catch (error) { engine.result.set(error.message); }
                """,
            go="""
                engine.Result.Set("y")
                _, err := fmt.Fprint(engine.Result, "x")
                engine.Result.Set(err.Error())
                """,
        ),
        {
            "python": "engine.result.write after engine.result.set: a result is either set or written",
            "javascript": "engine.result.write after engine.result.set: a result is either set or written",
            "go": "engine.Result.Write after engine.Result.Set: a result is either set or written",
        },
    ),
    "head after write": (
        run(
            python="""
                engine.result.write("x")
                try: engine.result.head(201)
                except RuntimeError as error: engine.result.write(str(error))
                """,
            javascript="""
                await engine.result.write("x");
                try { engine.result.head({statusCode: 201}); } catch (error) { await engine.result.write(error.message); }
                """,
            go="""
                fmt.Fprint(engine.Result, "x")
                fmt.Fprint(engine.Result, engine.Result.Head())
                """,
        ),
        {
            "python": "xengine.result.head comes too late: the head of the answer has gone out",
            "javascript": "xengine.result.head comes too late: the head of the answer has gone out",
            "go": "xengine.Result.Head comes too late: the head of the answer has gone out",
        },
    ),
    "head after set": (
        run(
            python="""
                engine.result.set("y")
                try: engine.result.head(201)
                except RuntimeError as error: engine.result.set(str(error))
                """,
            javascript="""
                engine.result.set("y");
                try { engine.result.head({statusCode: 201}); } catch (error) { engine.result.set(error.message); }
                """,
            go="""
                engine.Result.Set("y")
                engine.Result.Set(engine.Result.Head().Error())
                """,
        ),
        {
            "python": "engine.result.head comes too late: engine.result.set has set a head with its value",
            "javascript": "engine.result.head comes too late: engine.result.set has set a head with its value",
            "go": "engine.Result.Head comes too late: engine.Result.Set has set a head with its value",
        },
    ),
    "bad status code": (
        run(
            python="""
                try: engine.result.head(100)
                except ValueError as error: engine.result.write(str(error))
                """,
            javascript="""
                try { engine.result.head({statusCode: 100}); } catch (error) { await engine.result.write(error.message); }
                """,
            go="""
                engine.Result.Set(engine.Result.Head(codeactions.StatusCode(100)).Error())
                """,
        ),
        {
            "python": "status_code must be a whole number from 200 to 599, not 100",
            "javascript": "statusCode must be a whole number from 200 to 599, not 100",
            "go": "the status code must be a whole number from 200 to 599, not 100",
        },
    ),
}


@pytest.mark.parametrize(("sources", "messages"), MISUSES.values(), ids=MISUSES)
def test_misuse_is_told_to_the_code(language: Language, sources: dict[str, str], messages: dict[str, str]) -> None:
    answer = language.call(sources)
    assert (answer.status_code, answer.text) == (200, messages[language.name])
