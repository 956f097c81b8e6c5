"""Values that cannot be sent: the error names their place."""

import re

import pytest
from conformance.languages import Language
from conformance.values import sources_of

# By name: the value in each language that has it, and the message.
REFUSED: dict[str, tuple[dict[str, str], str | dict[str, str]]] = {
    "NaN": (
        {
            "python": "{'items': [0, 0, 0, {'price': float('nan')}]}",
            "javascript": "{items: [0, 0, 0, {price: NaN}]}",
            "go": 'map[string]any{"items": []any{0, 0, 0, map[string]any{"price": math.NaN()}}}',
        },
        "result.items[3].price is NaN, which JSON does not have",
    ),
    "NaN beside nothing": (
        {
            "python": "{'a': None, 'b': [None, float('nan')]}",
            "javascript": "{a: null, b: [null, NaN]}",
            "go": 'map[string]any{"a": nil, "b": []any{nil, math.NaN()}}',
        },
        "result.b[1] is NaN, which JSON does not have",
    ),
    "infinity": (
        {"python": "[float('-inf')]", "javascript": "[-Infinity]", "go": "[]float64{math.Inf(-1)}"},
        "result[0] is -Infinity, which JSON does not have",
    ),
    "NaN alone": (
        {"python": "float('nan')", "javascript": "NaN", "go": "math.NaN()"},
        "result is NaN, which JSON does not have",
    ),
    "a name that is no word": (
        {
            "python": "{'a b': {'ü\"': float('inf')}}",
            "javascript": "{'a b': {'ü\"': Infinity}}",
            "go": 'map[string]any{"a b": map[string]any{"ü\\"": math.Inf(1)}}',
        },
        'result["a b"]["ü\\""] is Infinity, which JSON does not have',
    ),
    "NaN in a value that is converted": (
        {
            "python": "{'o': Order(float('nan'), [])}",
            "javascript": "{o: new Map([['name', new Float64Array([NaN])]])}",
            "go": 'map[string]any{"o": struct{ Name float64 `json:"name"` }{math.NaN()}}',
        },
        {
            "python": "result.o.name is NaN, which JSON does not have",
            "javascript": "result.o.name[0] is NaN, which JSON does not have",
            "go": "result.o.name is NaN, which JSON does not have",
        },
    ),
    "NaN in a decimal": (
        {"python": "{'a': __import__('decimal').Decimal('NaN')}"},
        "result.a is NaN, which JSON does not have",
    ),
    "a number of too many digits": (
        {"python": "{'a': [1, 10**5000]}"},
        "result.a[1] is a number of more than 4,300 digits, which Python does not write",
    ),
    "NaN as a key": (
        {
            "python": "{'m': {float('nan'): 1}}",
            "javascript": "{m: new Map([[NaN, 1]])}",
            "go": 'map[string]any{"m": map[any]any{math.NaN(): 1}}',
        },
        "result.m has the key NaN, which JSON does not have",
    ),
    "a moment that is none": ({"javascript": "{at: [new Date(NaN)]}"}, "result.at[0] is an invalid Date"),
    "a function": (
        {"python": "{'a': [len]}", "javascript": "{a: [() => 1]}", "go": 'map[string]any{"a": []any{func() {}}}'},
        {
            "python": "result.a[0] is a builtin_function_or_method: call it first",
            "javascript": "result.a[0] is a function: call it first",
            "go": "result.a[0] is a func(), which JSON does not have",
        },
    ),
    "a method": ({"javascript": "{cart: {total() { return 1; }}}"}, "result.cart.total is a function: call it first"),
    "a channel": ({"go": 'map[string]any{"c": make(chan int)}'}, "result.c is a chan int, which JSON does not have"),
    "a symbol in a list": ({"javascript": "{a: [Symbol('s')]}"}, "result.a[0] is a symbol, which JSON does not have"),
    "what is still to come": (
        {"python": "{'a': (n for n in [])}", "javascript": "{a: Promise.resolve(1)}"},
        {
            "python": "result.a is a generator: make a list of it first",
            "javascript": "result.a is a Promise: await it first",
        },
    ),
    "a body that was not read": (
        {"javascript": "{a: new Blob(['x'])}"},
        "result.a is a Blob: await its text() or bytes() first",
    ),
    "a file of a form": ({"javascript": "[new File(['x'], 'n')]"}, "result[0] is a Blob: await its text()"),
    "an answer within an answer": ({"javascript": "{a: new Response('x')}"}, "result.a is a Response: await its"),
    "a request": ({"javascript": "[engine.request.raw]"}, "result[0] is a Request: await its text()"),
    "a stream": ({"javascript": "[new ReadableStream()]"}, "result[0] is a ReadableStream: read it first"),
    "a weak map": ({"javascript": "{a: new WeakMap()}"}, "result.a is a WeakMap, which cannot be listed"),
    "an iterator": (
        {"python": "{'a': map(str, [])}", "javascript": "{a: [1].values()}"},
        {
            "python": "result.a is a map: make a list of it first",
            "javascript": "result.a is an iterator: make a list of it first",
        },
    ),
    "an object of a class": (
        {"python": "{'a': Loop()}"},
        "result.a is of the class Loop, which JSON does not have: make a dict, a list or a text of it",
    ),
    "a class": (
        {"python": "{'a': Loop}", "javascript": "{a: class A {}}"},
        {
            "python": "result.a is the class Loop, not a value of it",
            "javascript": "result.a is a function: call it first",
        },
    ),
    "bytes in an object": ({"python": "{'a': b'text'}"}, "result.a is bytes, which JSON does not have: decode it"),
    "a key of several parts": (
        {
            "python": "{'m': {(1, 2): 3}}",
            "javascript": "{m: new Map([[{}, 3]])}",
            "go": 'map[string]any{"m": map[any]any{[2]int{1, 2}: 3}}',
        },
        {
            "python": "result.m has a key that is a tuple: JSON has only texts as keys",
            "javascript": "result.m has a key that is an Object: JSON has only texts as keys",
            "go": "result.m has a key that is a [2]int: JSON has only texts as keys",
        },
    ),
    "a circle": (
        {
            "python": "(lambda one: one.update(me=[one]) or {'a': one})({})",
            "javascript": "((one) => { one.me = [one]; return {a: one}; })({})",
            "go": 'map[string]any{"a": selfish()}',
        },
        "result.a.me[0] is result.a itself: JSON has no circles",
    ),
    "another circle": (
        {
            "python": "(lambda one: setattr(one, 'name', one) or [one])(Order(None, []))",
            "javascript": "((one) => [one.add(one)])(new Set())",
            "go": "[]any{circle()}",
        },
        {
            "python": "result[0].name is result[0] itself: JSON has no circles",
            "javascript": "result[0][0] is result[0] itself: JSON has no circles",
            "go": "result[0].me is result[0] itself: JSON has no circles",
        },
    ),
    "a value that encodes itself and fails": ({"go": "[]any{refused{}}"}, "result[0] cannot be sent: "),
    "a value too deep": (
        {
            "python": "__import__('functools').reduce(lambda inner, _: {'a': inner}, range(100_000), 1)",
            "javascript": "Array(1_000_000).fill().reduce((inner) => ({a: inner}), 1)",
        },
        "result.a.a.a.a.a.a … .a.a.a.a.a.a is nested too deeply for JSON",
    ),
}
UNSAID = [(language, name) for name, (values, _) in REFUSED.items() for language in values]


@pytest.mark.parametrize(("language", "name"), UNSAID, indirect=["language"])
def test_a_value_that_cannot_be_sent_is_an_error_that_names_its_place(language: Language, name: str) -> None:
    values, message = REFUSED[name]
    error = language.failure(language.call(sources_of(values)))
    assert error["type"] == "exception"
    expected = message if isinstance(message, str) else message[language.name]
    assert re.sub(r"^\w+Error: ", "", error["message"]).startswith(expected)
