"""Forms of source that are JavaScript's and TypeScript's."""

import httpx
import pytest
from conformance.languages import Language

FORMS = {
    "exported function": "export function Run(engine) { return 'x'; }",
    "exported async function": "export async function Run(engine) { await null; return 'x'; }",
    "exported arrow": "export const Run = (engine) => 'x';",
    "exported async arrow": "export const Run = async (engine) => engine.result.set('x');",
    "exported under the name": "function main() { return 'x'; }\nexport { main as Run };",
    "default function": "export default function (engine) { return 'x'; }",
    "default async function": "export default async function whatever(engine) { return 'x'; }",
    "default arrow": "export default () => 'x';",
    "default object": "export default { Run(engine) { return 'x'; } };",
    "default object of async": "export default { Run: async () => 'x' };",
    "Run before default": "export default () => 'y';\nexport function Run() { return 'x'; }",
    "module.exports.Run": "module.exports.Run = function (engine) { return 'x'; };",
    "exports.Run": "exports.Run = async (engine) => 'x';",
    "module.exports an object": "function Run() { return 'x'; }\nmodule.exports = { Run };",
    "module.exports a function": "module.exports = (engine) => 'x';",
    "CommonJS with require": "const { format } = require('node:util');\nmodule.exports.Run = () => format('%s', 'x');",
    "require in a module": "import fs from 'node:fs';\nexport const Run = () => require('node:path').basename('/a/x');",
    "a thenable": "export const Run = () => ({ then(done) { done('x'); } });",
    "top-level await": "const x = await Promise.resolve('x');\nexport function Run() { return x; }",
    "dynamic import": "export async function Run() { return (await import('node:path')).basename('/a/x'); }",
    "strict": "'use strict';\nexport function Run() { return 'x'; }",
    "BOM": "\ufeffexport function Run() { return 'x'; }",
    "CRLF": "// x\r\nexport function Run() {\r\n  return 'x';\r\n}\r\n",
    "hashbang": "#!/usr/bin/env bun\nexport function Run() { return 'x'; }",
    "names": "const grüße = 'x';\nexport function Run() { return grüße; }",
    "separators": "const s = '\u2028\u2029\x0c';\nexport function Run() { return s.length === 3 ? 'x' : 'y'; }",
    "sloppy": "module.exports.Run = function () { return 010 === 8 ? 'x' : 'y'; };",
    "using": "export function Run() { using a = { [Symbol.dispose]() {} }; return 'x'; }",
    "no line end": "export const Run = () => 'x' // the end",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_usual_form_of_source_runs(javascript: Language, form: str) -> None:
    answer = javascript.call({"javascript": FORMS[form]})
    assert (answer.status_code, answer.text) == (200, "x"), javascript.record(answer)["extra"].get("error")


TYPESCRIPT = {
    "types": """
        interface Answer { hello: string; size?: number }
        type Maybe<T> = T | null;
        function make<T extends string>(name: Maybe<T>): Answer { return { hello: name ?? "nobody" }; }
        export async function Run(engine: any): Promise<string> { return make("x" as const).hello satisfies string; }
    """,
    "enums": """
        enum Color { Red = "r", Green = "x" }
        const enum Size { Small = 1 }
        export function Run() { return Size.Small === 1 ? Color.Green : ""; }
    """,
    "classes": """
        abstract class Base { constructor(protected readonly name: string) {} abstract get(): string }
        class One extends Base { get(): string { return this.name!; } }
        export default () => new One("x").get();
    """,
    "namespaces": "namespace A { export const x: string = 'x' }\nexport function Run() { return A.x }",
    "decorators": """
        function twice(method: (...a: any[]) => string, _: unknown) { return function () { return method() + method(); } }
        class A { @twice get() { return "x" } }
        export function Run() { return new A().get()[0] }
    """,
    "type imports": "import type { Stats } from 'node:fs';\nexport const Run = (_: Stats): string => 'x';",
    "overloads": "function f(a: string): string;\nfunction f(a: any) { return a }\nexport const Run = () => f('x');",
}


@pytest.mark.parametrize("form", TYPESCRIPT)
def test_typescript_runs_as_it_is(javascript: Language, form: str) -> None:
    answer = javascript.call({"javascript": TYPESCRIPT[form]})
    assert (answer.status_code, answer.text) == (200, "x"), javascript.record(answer)["extra"].get("error")


def test_javascript_is_not_taken_for_typescript(javascript: Language) -> None:
    source = "const f = (a) => a, b = 1, c = 1;\nexport function Run() { return [f < b > (c)]; }"
    assert javascript.call({"javascript": source}).json() == [False]


def test_the_place_of_an_error_in_typescript_is_that_of_the_source(javascript: Language) -> None:
    source = """
        interface Unused {
            a: string;
        }

        export function Run(): void {
            throw new Error("here");
        }
    """
    error = javascript.failure(javascript.call({"javascript": source}))
    assert "at Run (action.ts:7:" in error["traceback"]


ADDRESSES = {
    "import x from 'https://esm.sh/x'; export const Run = () => x;": (1, 15),
    "import 'http://esm.sh/x';\nexport function Run() {}": (1, 8),
    '\nexport { Run } from "HTTPS://esm.sh/x.ts";': (2, 21),
    "export async function Run() {\n  return await import('https://esm.sh/x');\n}": (2, 23),
    "export async function Run() {\n  return await import(`https://esm.sh/x`);\n}": (2, 23),
    "const x = require('https://esm.sh/x');\nmodule.exports.Run = () => x;": (1, 19),
    "import type { T } from 'x';\nimport {\n  y,\n} from 'https://esm.sh/y';\nexport const Run = (e: T) => y;": (4, 8),
}


@pytest.mark.parametrize("source", ADDRESSES)
def test_an_import_from_an_address_is_refused_at_its_place(javascript: Language, source: str) -> None:
    answer = _deploy(javascript, source)
    assert answer.status_code == 400, answer.text
    said = answer.json()
    assert (
        "cannot be imported: runs have no network, and only what Bun itself has can be imported"
        in (said["error"]["message"])
    )
    assert (said["line"], said["column"]) == ADDRESSES[source]


def test_an_address_that_is_no_import_is_left_alone(javascript: Language) -> None:
    source = "const at = 'https://esm.sh/x';\nexport const Run = (engine) => engine.params.get('no') ? import(at) : at;"
    assert javascript.call({"javascript": source}).text == "https://esm.sh/x"


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("import x from 'node:nothing'; export const Run = () => x;", 400),
        ("import x from 'bun:nothing'; export const Run = () => x;", 400),
        ("import { DatabaseSync } from 'node:sqlite'; export const Run = () => typeof DatabaseSync;", 201),
        ("import { Database } from 'bun:sqlite'; import ws from 'ws'; export const Run = () => [Database, ws];", 201),
        ("export const Run = async () => { try { await import('lodash'); } catch { return 'none'; } };", 201),
        ("import type { Request } from 'express';\nexport const Run = (engine: Request) => 1;", 201),
    ],
)
def test_modules_of_bun_and_imports_that_may_fail_are_told_from_such_that_are_not_there(
    javascript: Language, source: str, status: int
) -> None:
    assert _deploy(javascript, source).status_code == status


def test_words_of_the_bundler_in_a_source_say_nothing_of_it(javascript: Language) -> None:
    source = 'const text: string = "error: Could not resolve";\nexport const Run = (): string => text;'
    assert javascript.call({"javascript": source}).text == "error: Could not resolve"


def _deploy(javascript: Language, source: str) -> httpx.Response:
    javascript.deploy({"javascript": "export function Run() {}"})  # waits until the language is ready
    params = {"name": "x", "language": "typescript", "type": "endpoint", "project_uuid": "p"}
    return javascript.server.client.post("/code", params=params, content=source.encode())
