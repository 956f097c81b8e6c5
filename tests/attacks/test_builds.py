"""Attacks on the compilers: what a source makes them read, execute, or use up, before anybody has called it."""

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from attacks.attacker import success
from attacks.languages import alone, ready
from harness import Server, running_server

import codeactions
from codeactions.domain.code import SOURCE_LIMIT


def deploy(server: Server, language: str, source: str) -> httpx.Response:
    """Deploy a code that may be refused."""
    ready(server, language)
    params = {"name": "test", "language": language, "type": "endpoint", "project_uuid": "tests"}
    return server.client.post("/code", params=params, content=source.encode())


def refused(answer: httpx.Response) -> str:
    """Assert that a source was not taken; returns what was told about it."""
    assert (answer.status_code, answer.json().get("error_type")) == (400, "invalid_source"), answer.text
    return str(answer.json()["error"]["message"])


def called(server: Server, answer: httpx.Response, **request: Any) -> httpx.Response:
    """Call what was deployed."""
    assert answer.status_code == 201, answer.text
    return server.client.post(f"/endpoint/{answer.json()['id']}", **request)


HOST_FILES = [
    *("/etc/passwd", "/etc/hosts", "/etc/shadow", "/usr/lib/os-release", "/usr/bin/env", "../../../etc/passwd"),
    *("/proc/self/environ", "/proc/1/environ", "/proc/self/mountinfo", "/proc/self/maps", "/proc/1/maps", "/dev/stdin"),
    *("/runtimes/go/library/imports.cfg", "/tmp/../etc/hosts", "file:///etc/hosts", "./meta.json", "./made.js"),
    *(str(Path(codeactions.__file__)), str(Path(__file__))),
]


# The bundler puts what is imported into the bundle: nothing of the node may get there.
@pytest.mark.parametrize("loader", ["text", "yaml", "base64", "dataurl"])
def test_no_file_of_the_node_gets_into_a_bundle(server: Server, loader: str) -> None:
    for path in [*HOST_FILES, str(server.data_dir / "postgres.log")]:
        source = (
            f"import x from {json.dumps(path)} with {{ type: '{loader}' }};\nexport function Run() {{ return x; }}\n"
        )
        message = refused(deploy(server, "javascript", source))
        told = "cannot be imported" in message or "Could not resolve" in message
        assert told or loader == "yaml", (path, message)  # whose parser may be the first to object
        assert "sandbox" not in message


@pytest.mark.parametrize(
    "statement",
    [
        "const x = require('/etc/hosts');",
        "const x = await import('/etc/hosts');",
        "export * from '/etc/hosts';",
        "import x from '/etc/passwd' with { type: 'json' };",
        "import x from '/etc/passwd' with { type: 'toml' };",
        "import x from '/etc/passwd' with { type: 'file' };",
        "import x from '/etc/passwd' with { type: 'html' };",
        "import x from '/etc/passwd' with { type: 'css' };",
        "import x from '/usr/bin/env' with { type: 'napi' };",
        "import x from '/usr/bin/env' with { type: 'wasm' };",
        "import x from '/etc/passwd' with { type: 'sqlite', embed: 'true' };",
    ],
)
def test_no_other_way_to_import_a_file_works(server: Server, statement: str) -> None:
    refused(deploy(server, "javascript", f"{statement}\nexport function Run() {{ return String(x); }}\n"))


MACROS = {
    "of Bun's own": "import { readFileSync as a } from 'node:fs' with { type: 'macro' }; const x = a('/etc/passwd', 'utf8');",
    "by a prefix": "import { readdirSync as a } from 'macro:node:fs'; const x = a('/tmp');",
    "in a data URL": "import { a } from 'data:text/javascript,export const a = () => process.pid' with { type: 'macro' }; const x = a();",
    "as a template": "import { execSync as a } from 'node:child_process' with { type: 'macro' }; const x = a`id`;",
    "as a constant": "import { pid as a } from 'node:process' with { type: 'macro' }; const x = a();",
    "a default": "import a from 'bun' with { type: 'macro' }; const x = a();",
    "all names": "import * as a from 'node:fs' with { type: 'macro' }; const x = a.readFileSync('/etc/passwd');",
    "by assert": "import { readFileSync as a } from 'node:fs' assert { type: 'macro' }; const x = a('/etc/passwd', 'utf8');",
    "that never ends": "import { a } from 'data:text/javascript,export const a = () => { while (true); }' with { type: 'macro' }; const x = a();",
}


# A macro is executed by the bundler, where it may use more than a run; none of it may be.
@pytest.mark.parametrize("statement", MACROS.values(), ids=MACROS)
def test_macros_are_not_executed(server: Server, statement: str) -> None:
    message = refused(deploy(server, "javascript", f"{statement}\nexport function Run() {{ return String(x); }}\n"))
    assert "Macros are disabled" in message


DEEP = 100_000
DEEP_FOR_GO = 10_000
DEEP_TYPES_FOR_GO = 1000  # which take it the square of their depth; SLOW has what it takes minutes for
NESTED = {
    "javascript": {
        "parentheses": f"const x = {'(' * DEEP}1{')' * DEEP};",
        "arrays": f"const x = {'[' * DEEP}{']' * DEEP};",
        "blocks": "{" * DEEP + "}" * DEEP,
        "unary operators": f"const x = {'-~' * DEEP}1;",
        "functions": f"const x = {'a=>' * DEEP}1;",
        "templates": "const x = " + "`${" * DEEP + "1" + "}`" * DEEP + ";",
        "types": f"type x = {'(' * DEEP}1{')' * DEEP};",
        "alternatives": "if (0) {} else " * 50_000 + "{}",
        "elements": "const x = " + "<a>" * DEEP + "</a>" * DEEP + ";",
    },
    "go": {
        "parentheses": f"var x = {'(' * DEEP_FOR_GO}1{')' * DEEP_FOR_GO}",
        "types": f"var x {'[]' * DEEP_TYPES_FOR_GO}int",
        "pointers": f"var x {'*' * DEEP_TYPES_FOR_GO}int",
        "blocks": f"func f() {{ {'{' * DEEP_FOR_GO}{'}' * DEEP_FOR_GO} }}",
        "functions": f"var x = {'func() { ' * DEEP_FOR_GO}{'}' * DEEP_FOR_GO}",
        "operators": f"var x = {'-' * DEEP_FOR_GO}1",
        "generics": "type g[T any] struct{ x T }\nvar x " + "g[" * DEEP_TYPES_FOR_GO + "int" + "]" * DEEP_TYPES_FOR_GO,
    },
    "python": {
        "parentheses": f"x = {'(' * DEEP}1{')' * DEEP}",
        "unary operators": f"x = {'-' * DEEP}1",
        "negations": f"x = {'not ' * DEEP}1",
        "sums": f"x = {'1+' * DEEP}1",
        "powers": f"x = {'2**' * DEEP}1",
        "attributes": f"x = a{'.a' * DEEP}",
        "calls": f"x = a{'()' * DEEP}",
        "lambdas": f"x = {'lambda:' * DEEP}1",
        "blocks": "".join(f"{' ' * depth}if 1:\n" for depth in range(1000)),
        "alternatives": "if 1: pass\n" + "elif 1: pass\n" * 50_000,
        "patterns": f"match 1:\n case {'[' * DEEP}{']' * DEEP}: pass",
    },
}
RUN = {
    "javascript": "\nexport function Run() { return 1; }\n",
    "go": "\nfunc Run(engine *codeactions.Engine) (any, error) { return 1, nil }\n",
    "python": "\ndef Run(engine):\n    return 1\n",
}
HEAD = {"javascript": "", "python": "", "go": 'package action\nimport "codeactions"\n'}


# Refused, or taken where the language has no trouble with it; in time in any case.
@pytest.mark.parametrize(("language", "name"), [(language, name) for language, all_ in NESTED.items() for name in all_])
def test_a_source_nested_without_end_does_not_break_the_compiler(server: Server, language: str, name: str) -> None:
    answer = deploy(server, language, HEAD[language] + NESTED[language][name] + RUN[language])
    if answer.status_code == 201:
        assert called(server, answer).status_code in (200, 500)
    else:
        assert len(refused(answer)) < 5000


GO_DIRECTIVES = {
    "an embedded file": 'import _ "embed"\n//go:embed /etc/passwd\nvar x string',
    "an embedded folder": 'import "embed"\n//go:embed *\nvar x embed.FS',
    "C": 'import "C"',
    "C with a preamble": '// #include "/etc/passwd"\n// #cgo LDFLAGS: -Wl,-rpath=/tmp\nimport "C"',
    "a flag for the linker": '//go:cgo_ldflag "-Wl,-rpath=/tmp"',
    "a dynamic linker": '//go:cgo_import_dynamic _ _ "/tmp/evil.so"\n//go:cgo_dynamic_linker "/tmp/evil"',
    "the engine's own main": 'import _ "unsafe"\n//go:linkname evil main.main\nfunc evil() {}',
    "another file's mistake": "//line /etc/passwd:1\nvar x int = nonsense",
    "a mistake in another column": "/*line /runtimes/go/library/imports.cfg:1:1*/var x int = nonsense",
    "a mistake of main.go": "//line main.go:1\nvar x int = nonsense",
    "a function without a body": "func evil()",
    "a package by its path": 'import _ "/etc/passwd"',
    "a relative package": 'import _ "./main"',
    "a package that is internal": 'import _ "internal/poll"',
    "a vendored package": 'import _ "vendor/golang.org/x/net/dns/dnsmessage"',
    "the package around it": 'import _ "main"',
    "itself": 'import _ "run/action"',
    "a package of the network's": 'import _ "github.com/evil/evil"',
    "a line of the compiler's own configuration": 'import _ "a=b\\npackagefile os=/tmp/x"',
    "an array over all memory": "var x [1 << 40]byte\nfunc Use() int { x[5] = 1; return len(x) }",
    "a number without end": "const x = 1 << 500 << 500 << 500\nvar y = x",
    "a type that contains itself": "type t struct{ x t }",
    "a generic type without end": "type t[T any] struct{ x *t[t[T]] }\nvar x t[int]",
    "a generic function without end": "func f[T any](n int) { if n > 0 { f[*T](n - 1) } }\nvar _ = func() int { f[int](9); return 1 }()",
}


@pytest.mark.parametrize("name", GO_DIRECTIVES)
def test_no_directive_of_go_reaches_the_node(server: Server, name: str) -> None:
    imports, _, rest = GO_DIRECTIVES[name].partition("\n") if "import" in GO_DIRECTIVES[name] else ("", "", "")
    if not imports.startswith("import"):
        imports, rest = "", GO_DIRECTIVES[name]
    if rest.startswith("// #"):  # a preamble stands right above its import
        imports, rest = rest, ""
    source = f'package action\nimport "codeactions"\n{imports}\n{rest}\n{RUN["go"]}'
    message = refused(deploy(server, "go", source))
    assert "root:" not in message
    assert "sandbox:x" not in message


# The linker knows these, and in a program without C they mean nothing.
def test_a_library_that_a_go_program_asks_for_is_not_loaded(server: Server) -> None:
    source = HEAD["go"] + '//go:cgo_import_dynamic evil evil "libevil.so"\n' + RUN["go"]
    answer = deploy(server, "go", source)
    if answer.status_code == 201:
        assert success(server, called(server, answer)).text == "1"
    else:
        refused(answer)


@pytest.mark.parametrize("language", RUN)
def test_a_source_as_large_as_allowed_is_built_and_a_larger_one_is_not(server: Server, language: str) -> None:
    head, tail = {
        "javascript": ("export const x = '", "';"),
        "go": (HEAD["go"] + 'var X = "', '"'),
        "python": ("x = '", "'"),
    }[language]
    room = SOURCE_LIMIT - len((head + tail + RUN[language]).encode())
    answer = deploy(server, language, head + "x" * room + tail + RUN[language])
    assert success(server, called(server, answer)).text == "1"
    answer = deploy(server, language, head + "x" * (room + 1) + tail + RUN[language])
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


# What is wrong stands behind the line that it is in, which here is a megabyte.
def test_a_mistake_in_a_line_without_end_is_told(server: Server) -> None:
    message = refused(deploy(server, "javascript", "/*" + "x" * 1_000_000))
    assert "xxxxx" not in message
    assert "end of file" in message or "multi-line comment" in message


DOUBLING = "enum A { a0 = 'xxxxxxxx', " + ", ".join(f"a{i} = a{i - 1} + a{i - 1}" for i in range(1, 40)) + " }"
MEMORY = {
    "javascript": DOUBLING + "\nexport function Run() { return A.a39.length; }\n",
    "go": HEAD["go"] + "var x = [1 << 33]byte{1<<33 - 1: 1}\nfunc Use() byte { return x[1] }\n" + RUN["go"],
}


# Meanwhile others deploy and call: a build has a limit of its own, and a launcher of its own.
def test_a_compiler_that_eats_memory_is_ended_alone(server: Server) -> None:
    for language in MEMORY:
        ready(server, language)
    with ThreadPoolExecutor(2) as pool:
        builds = [pool.submit(deploy, server, language, source) for language, source in MEMORY.items()]
        assert server.call("def Run(engine):\n    return 'well'\n").text == "well"
        for build in builds:
            message = refused(build.result())
            assert "memory" in message, message


# The engines of a node keep what was built; a line of source must not fill the disk.
GREAT = {
    "javascript": ("enum A { a0 = 'xxxxxxxx', " + ", ".join(f"a{i} = a{i - 1} + a{i - 1}" for i in range(1, 23)) + " }")
    + "\nexport function Run() { return A.a22.length; }\n",
    "go": HEAD["go"]
    + "var x = [1 << 27]byte{1<<27 - 1: 1}\n"
    + "func Run(engine *codeactions.Engine) (any, error) { return x[len(engine.Body)], nil }\n",
}


@pytest.mark.parametrize(("language", "most"), [("javascript", "16 MB"), ("go", "64 MB")])
def test_what_a_short_source_builds_is_bounded(server: Server, language: str, most: str) -> None:
    ready(server, language)
    message = refused(deploy(server, language, GREAT[language]))
    assert re.search(rf"what is built of it is \d+ MB, more than the {most} it may be$", message), message


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[Server]:
    """A server on which no build may take longer than two seconds."""
    with running_server(tmp_path_factory.mktemp("hasty"), slots=4, warm=1, build_seconds=2) as server:
        yield server


SLOW = {
    "javascript": "type x = " + "a extends infer U extends " * 3000 + "1" + RUN["javascript"],
    "go": HEAD["go"] + f"var x {'*' * DEEP}int" + RUN["go"],
}


def test_a_compiler_that_never_ends_is_ended_and_others_are_served(server: Server, hasty: Server) -> None:
    ready(server, "go")  # of the same cache
    for language in SLOW:
        ready(hasty, language)
    with ThreadPoolExecutor(2) as pool:
        for language, message in zip(
            SLOW, pool.map(lambda case: refused(deploy(hasty, *case)), SLOW.items()), strict=True
        ):
            assert message == f"the source is not valid {language}: building it takes longer than 2 s"
    assert success(hasty, alone(hasty, "javascript", RUN["javascript"])).text == "1"
    assert hasty.healthy()


# What a build leaves is for its own source alone.
@pytest.mark.skipif(os.geteuid() != 0, reason="as root the store is the server's own; otherwise see test_artifacts.py")
def test_what_was_built_belongs_to_the_server(server: Server) -> None:
    success(server, alone(server, "javascript", RUN["javascript"]))
    for path in (server.data_dir / "artifacts").iterdir():
        found = path.stat()
        assert found.st_uid == 0
        assert not found.st_mode & 0o022
