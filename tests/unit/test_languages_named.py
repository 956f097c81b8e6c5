"""Only `runtimes` knows languages by name.

The rule: in `execution`, `services`, `http`, `cli`, `node` and `domain`, no identifier, no imported module and no
string has a language's name as a word. A word of an identifier is what stands between underscores or dots, or begins
with a capital. Docstrings and comments may give examples. Help texts and the descriptions of settings are strings like
any other. Not meant are the script of the API's documentation (`swagger-ui-bundle.js`, served as `text/javascript`),
and the English verb "go" in a string, which begins with a small letter and has another word beside it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import codeactions
from codeactions.domain.errors import Error
from codeactions.http.api import codes
from codeactions.runtimes import registry

SOURCE = Path(codeactions.__file__).parent
LAYERS = ("execution", "services", "http", "cli", "node", "domain")
FILES = sorted(path for layer in LAYERS for path in (SOURCE / layer).rglob("*.py"))
NAMES = {*registry.names(), "golang", "typescript", "bun"}
ENDINGS = {"js", "ts"}  # in strings; an identifier of the documentation's page has js
SCRIPT = re.compile(r"text/javascript|[\w/-]+\.js\b")


def words_of_identifier(name: str) -> set[str]:
    """The words of an identifier, or of a module's dotted name, that name a language, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)} & NAMES


def words_of_text(text: str) -> set[str]:
    """The words of a string that name a language, in lower case; not the English verb."""
    found = set(re.findall(r"[A-Za-z]+", SCRIPT.sub("", text)))
    if len(found) > 1:
        found.discard("go")
    return {word.lower() for word in found} & (NAMES | ENDINGS)


def identifiers(node: ast.AST) -> Iterator[str]:
    """Every name that a node of the syntax tree itself has."""
    for field in ("id", "attr", "arg", "name", "asname", "module", "rest", "kwd_attrs"):
        value = getattr(node, field, None)
        yield from value if isinstance(value, list) else [value] if isinstance(value, str) else []


def named(tree: ast.Module) -> list[str]:
    """Where a module names a language."""
    documents = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            documents |= {id(one.value) for one in node.body if isinstance(one, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        words = set().union(*map(words_of_identifier, identifiers(node)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            words = words_of_text(node.value)
        if words:
            found.append(f"line {getattr(node, 'lineno', 0)}: {', '.join(sorted(words))}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_language_is_named(path: Path) -> None:
    assert named(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "import codeactions.runtimes.go.build",
        "from codeactions.runtimes.python import build",
        "from codeactions.runtimes.registry import PYTHON",
        "go_library = 1",
        "class GoLibrary: pass",
        "def f(javascript): pass",
        "run(go=1)",
        "x.typescript",
        "language == 'go'",
        "HELP = 'the ending is .js'",
        "say(f'compiling {x} for Go')",
        "x = 'python'",
    ],
)
def test_the_rule_sees_every_way_of_naming_one(line: str) -> None:
    assert named(ast.parse(line)) != []


@pytest.mark.parametrize(
    "line", ["going = 'what was used longest ago goes'", "say('you may go')", "'''As in Go.'''", "x = 'a.js'"]
)
def test_the_rule_leaves_english_alone(line: str) -> None:
    assert named(ast.parse(line)) == []


def test_the_api_has_the_registrys_languages() -> None:
    for fields in (codes._draft, codes._change):
        assert fields.schema["properties"]["language"]["enum"] == list(registry.names())
        parameters = {parameter["name"]: parameter["schema"] for parameter in fields.openapi["parameters"]}
        assert parameters["language"]["enum"] == list(registry.names())


@pytest.mark.parametrize("language", ["ruby", "Python", ""])
def test_a_language_that_does_not_exist_is_refused(language: str) -> None:
    with pytest.raises(Error, match=r"^language must be one of python, go, javascript$"):
        registry.language_rule().check(language, "language")


def test_the_database_has_the_registrys_languages() -> None:
    folders = (SOURCE / "migrations", SOURCE.parents[1] / "migrations")
    [migrations] = [folder for folder in folders if folder.exists()]
    text = (migrations / "000001_create_codes_table.up.sql").read_text()
    listed = re.search(r"language IN \(([^)]*)\)", text, re.IGNORECASE)
    assert listed
    assert re.findall(r"'(\w+)'", listed[1]) == list(registry.names())


def test_the_setting_has_every_language() -> None:
    assert sorted(registry.DEFAULT_SETTING.split(",")) == sorted(registry.names())
    assert registry.OWN.name in registry.names()


def test_every_ending_tells_one_language() -> None:
    endings = registry.endings()
    assert len(set(endings)) == len(endings)
    for ending in endings:
        assert ending == ending.lower()
        assert ending.startswith(".")
        assert registry.language_of_ending(ending.upper()) in registry.names()
    assert registry.language_of_ending(".txt") is None
