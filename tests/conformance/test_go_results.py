"""Results in Go alone: texts of a type of their own, and errors of Set that nobody looks at."""

import pytest
from conformance.languages import Language

ACTION = """package action

import (
	"codeactions"
	"encoding/json"
	"math"
)

type state string

var _ = json.Number("1")

func Run(engine *codeactions.Engine) (any, error) {{
	{}
}}
"""


@pytest.mark.parametrize(
    ("value", "content_type", "body"),
    [
        ('state("ok")', "text/plain; charset=utf-8", "ok"),
        ('[]state{"ok"}', "application/json", '["ok"]'),
        ('json.Number("5")', "application/json", "5"),
        ("math.Sqrt(4)", "application/json", "2"),
    ],
)
def test_a_text_of_a_type_of_its_own_is_sent_as_it_is(go: Language, value: str, content_type: str, body: str) -> None:
    answer = go.call({"go": ACTION.format(f'_ = state("")\n\t_ = math.Pi\n\treturn {value}, nil')})
    assert (answer.headers["content-type"], answer.text) == (content_type, body)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('map[string]any{"a": math.NaN()}', "result.a is NaN, which JSON does not have"),
        ('"x", codeactions.ContentType("pfd")', 'there is no content type "pfd"'),
    ],
)
def test_a_result_that_cannot_be_sent_does_not_become_an_empty_answer(
    go: Language, arguments: str, message: str
) -> None:
    answer = go.call({"go": ACTION.format(f"_ = math.Pi\n\tengine.Result.Set({arguments})\n\treturn nil, nil")})
    assert go.failure(answer)["message"].startswith(message)


def test_a_result_set_beside_one_that_cannot_be_sent_counts(go: Language) -> None:
    action = ACTION.format('engine.Result.Set(math.NaN())\n\tengine.Result.Set("instead")\n\treturn nil, nil')
    assert go.call({"go": action}).text == "instead"
    action = ACTION.format('engine.Result.Set("before")\n\tengine.Result.Set(math.NaN())\n\treturn nil, nil')
    assert go.call({"go": action}).text == "before"  # as where an exception is caught
    action = ACTION.format('engine.Result.Set(math.NaN())\n\treturn "instead", nil')
    assert go.call({"go": action}).text == "instead"
