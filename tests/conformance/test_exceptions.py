"""Exceptions: what the caller learns, which is little, and what the history holds, which is everything."""

import pytest
from conformance.languages import Language, run

SECRET = "the user's own words"


def test_an_exception_is_a_500_that_tells_its_caller_nothing(language: Language) -> None:
    sources = {
        "python": f"""
            def Run(engine):
                engine.log.info("before")
                explode()

            def explode():
                raise ValueError("{SECRET}")
        """,
        "javascript": f"""
            export function Run(engine) {{
                engine.log.info("before");
                explode();
            }}

            function explode() {{ throw new TypeError("{SECRET}"); }}
        """,
        "go": f"""
            func Run(engine *codeactions.Engine) error {{
                engine.Log.Info("before")
                return explode()
            }}

            func explode() error {{ return errors.New("{SECRET}") }}
        """,
    }
    answer = language.call(sources)
    error = language.failure(answer)
    for part in (SECRET, "ValueError", "TypeError", "explode", "Traceback", "action"):
        assert part not in answer.text
    assert error["type"] == "exception"
    kind = {"python": "ValueError: ", "javascript": "TypeError: ", "go": ""}[language.name]
    assert error["message"] == kind + SECRET
    assert language.logs(answer) == [("info", "before")]


def test_the_traceback_shows_the_users_own_lines_and_none_of_ours(language: Language) -> None:
    sources = {
        "python": """
            # a comment
            def Run(engine):
                return first(engine)

            def first(value):
                return value.nothing.at_all  # here
        """,
        "javascript": """
            // a comment
            export async function Run(engine) {
                return first(engine);
            }

            function first(value) { return value.nothing.at.all; }
        """,
        "go": """
            // a comment
            func Run(engine *codeactions.Engine) (any, error) {
                return first(nil), nil
            }

            func first(values []int) int { return values[5] }
        """,
    }
    error = language.failure(language.call(sources))
    trace = error["traceback"]
    expected = {
        "python": ['File "action.py", line 4, in Run', 'File "action.py", line 7, in first', "# here"],
        "javascript": ["at Run (action.js:4:", "at first (action.js:7:"],
        "go": ["action.Run(", "\taction.go:5", "action.first(", "\taction.go:8"],
    }[language.name]
    for part in expected:
        assert part in trace
    for part in ("codeactions.Serve", "codeactions.call", "worker", "runtimes", "/tmp", "serve.go", "native:"):
        assert part not in trace
    assert {"python": "AttributeError", "javascript": "TypeError", "go": "panic: runtime error: index out of range"}[
        language.name
    ] in error["message"]


def test_an_exception_with_a_cause_tells_of_both(language: Language) -> None:
    sources = run(
        python="""
            try:
                [][0]
            except IndexError as error:
                raise LookupError("second") from error
        """,
        javascript="""
            try {
                null.first;
            } catch (cause) {
                throw new RangeError("second", {cause});
            }
        """,
        go="""
            _, err := strconv.Atoi("x")
            return nil, fmt.Errorf("second: %w", err)
        """,
    )
    error = language.failure(language.call(sources))
    message, cause = {
        "python": ("LookupError: second", "IndexError: list index out of range"),
        "javascript": ("RangeError: second", "TypeError: null is not an object"),
        "go": ("second: strconv.Atoi", 'parsing "x": invalid syntax'),
    }[language.name]
    assert error["message"].startswith(message)
    assert cause in error["message"] + error["traceback"]


@pytest.mark.parametrize("errors", ["{name: 'required'}", "5", "null", "'ab'"])
def test_an_error_may_have_errors_of_its_own_kind(javascript: Language, errors: str) -> None:
    sources = run(javascript=f"throw Object.assign(new TypeError('invalid'), {{errors: {errors}}});")
    error = javascript.failure(javascript.call(sources))
    assert error["message"] == "TypeError: invalid"
    assert "action.js:2:" in error["traceback"]
    assert "Caused by" not in error["traceback"]


def test_endless_recursion_is_an_exception(language: Language) -> None:
    sources = {
        "python": "def Run(engine):\n    return Run(engine)\n",
        "javascript": "export function Run(engine) { return 1 + Run(engine); }",
        "go": "func Run(engine *codeactions.Engine) error { err := Run(engine); return errors.Join(err) }",
    }
    error = language.failure(language.call(sources))
    assert error["type"] == "exception"
    kind = {"python": "RecursionError", "javascript": "RangeError: Maximum call stack", "go": "fatal error: stack over"}
    assert error["message"].startswith(kind[language.name])
    assert len(error["traceback"]) < 20_000


def test_an_exception_while_the_source_is_loaded_is_one_too(language: Language) -> None:
    sources = {
        "python": "print('loading')\nthings = [][0]\ndef Run(engine):\n    pass\n",
        "javascript": "console.log('loading');\nconst things = null.first;\nexport function Run() {}\n",
        "go": "var things = first(nil)\nfunc first(values []int) int { return values[0] }\n"
        "func Run(engine *codeactions.Engine) {}\n",
    }
    answer = language.call(sources)
    error = language.failure(answer)
    assert error["type"] == "exception"
    message, place = {
        "python": ("IndexError: list index out of range", 'File "action.py", line 2, in <module>'),
        "javascript": ("TypeError: null is not an object", "action.js:2:"),
        "go": ("panic: runtime error: index out of range", "action.go:3"),
    }[language.name]
    assert error["message"].startswith(message)
    assert place in error["traceback"]
    if language.name != "go":  # whose engine has not begun by then
        assert language.logs(answer) == [("info", "loading")]


def test_an_exception_whose_text_cannot_be_made_is_recorded_all_the_same(language: Language) -> None:
    sources = {
        "python": """
            class Hostile(Exception):
                def __str__(self):
                    raise OSError("not you")

            def Run(engine):
                raise Hostile
        """,
        "javascript": """
            class Hostile extends Error { get message() { throw new Error("not you"); } }
            export function Run() { throw new Hostile(); }
        """,
        "go": """
            type Hostile struct{}
            func (*Hostile) Error() string { panic("not you") }
            func Run(engine *codeactions.Engine) error { return &Hostile{} }
        """,
    }
    error = language.failure(language.call(sources))
    assert error["type"] == "exception"
    assert (
        error["message"]
        == {
            "python": "Hostile (its text could not be made: OSError)",
            "javascript": "what was thrown cannot be described",
            "go": "panic: not you",
        }[language.name]
    )


def test_a_message_without_end_is_cut(language: Language) -> None:
    sources = run(
        python="raise ValueError('ü' * 10_000_000)",
        javascript="throw new TypeError('ü'.repeat(10_000_000));",
        go='return nil, errors.New(strings.Repeat("ü", 10_000_000))',
    )
    error = language.failure(language.call(sources))
    assert error["type"] == "exception"
    assert "üü" in error["message"]
    assert len(error["message"]) < 10_000
    assert len(error["traceback"]) < 20_000


def test_characters_that_cannot_be_stored_are_replaced_in_messages(language: Language) -> None:
    sources = run(
        python=r"raise ValueError('nul \x00 surrogate \udc80 end')",
        javascript=r"throw new TypeError('nul \x00 surrogate \udc80 end');",
        go=r'return nil, errors.New("nul \x00 no UTF-8 \xff end")',
    )
    message = language.failure(language.call(sources))["message"]
    assert "nul " in message
    assert message.endswith(" end")
    assert "\x00" not in message


def test_a_failure_after_a_result_counts_as_failure(language: Language) -> None:
    sources = run(
        python="engine.result.set('x')\nraise KeyError('after')",
        javascript="engine.result.set('x'); throw new TypeError('after');",
        go='engine.Result.Set("x")\nreturn "y", errors.New("after")',
    )
    answer = language.call(sources)
    assert "after" in language.failure(answer)["message"]
    assert "x-run-id" in answer.headers


UNSENDABLE = {
    "no JSON": (
        "object()",
        "() => 1",
        "make(chan int)",
        ("TypeError: result is", "TypeError: result is", "result is a chan int"),
    ),
    "circular": (
        "(lambda a: a.append(a) or a)([])",
        "(() => { const a = []; a.push(a); return a; })()",
        "func() any { a := []any{nil}; a[0] = a; return a }()",
        (
            "ValueError: result[0] is result itself",
            "TypeError: result[0] is result itself",
            "result[0] is result itself",
        ),
    ),
    "a number that JSON has not": (
        "2.0 ** 1000 * 1e300",
        "2 ** 1000 * 1e300",
        "math.Inf(1)",
        ("ValueError: result is Infinity", "TypeError: result is Infinity", "result is Infinity"),
    ),
}


@pytest.mark.parametrize("way", ["set", "returned"])
@pytest.mark.parametrize("name", UNSENDABLE)
def test_a_value_that_is_no_json_is_an_exception(language: Language, name: str, way: str) -> None:
    python, javascript, go, messages = UNSENDABLE[name]
    if way == "set":
        sources = run(
            python=f"engine.result.set({python})",
            javascript=f"engine.result.set({javascript});",
            go=f"return nil, engine.Result.Set({go})",
        )
    else:
        sources = run(python=f"return {python}", javascript=f"return {javascript};", go=f"return {go}, nil")
    error = language.failure(language.call(sources))
    assert error["type"] == "exception"
    assert dict(zip(("python", "javascript", "go"), messages, strict=True))[language.name] in error["message"]
