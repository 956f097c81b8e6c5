"""Plain English, as far as a rule can check it: docstrings say at once what a thing is or does, in whole sentences.

A rule stays only if it has no false positive in the source. Style that needs judgement is left to the review.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import codeactions

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (Path(codeactions.__file__).resolve().parent, ROOT / "bench")

# Subjects are things. These words hide which thing is meant: a caller, another process, another transaction.
VAGUE = re.compile(r"\b(somebody|nobody|anybody|everybody|whoever|whomever)\b", re.IGNORECASE)
# Begin a noun clause or a fragment, so the reader waits for the sentence. "How" may begin a class or a module ("How a
# protected endpoint authenticates callers."), "Whether" a property that is true or false.
NOT_A_THING = {"Who", "Whom", "Whose", "Whoever", "What", "Whatever", "Which", "That", "Those", "Where", "Why"}
NOT_A_THING_PHRASES = ("The ones", "How many there", "How much there", "Whether somebody", "Whether nobody")
# A function does something, so its docstring begins with a verb. None of these words can be one.
NO_VERB = NOT_A_THING | {
    *(
        "A",
        "An",
        "The",
        "This",
        "These",
        "It",
        "Its",
        "Their",
        "One",
        "Two",
        "All",
        "Any",
        "Each",
        "Every",
        "Everything",
    ),
    *(
        "No",
        "None",
        "Nothing",
        "Both",
        "Some",
        "Another",
        "Other",
        "Of",
        "In",
        "On",
        "At",
        "By",
        "For",
        "From",
        "To",
        "As",
    ),
    *("With", "Without", "Until", "While", "When", "After", "Before", "If", "Whether", "How", "Also", "Only", "Not"),
}
# Verbs that look like a third person, a participle or a gerund, and are none.
VERBS_WITH_SUCH_ENDS = {"Bring", "Embed", "Exceed", "Feed", "Focus", "Need", "Ping", "Proceed", "Seed", "Shed", "Speed"}


def python_files() -> list[Path]:
    """Every Python file whose English is checked, in a stable order."""
    return sorted(path for package in PACKAGES for path in package.rglob("*.py"))


def other_files() -> list[Path]:
    """Every other file whose English is checked: sources in other languages, and the pages."""
    sources = [
        path for package in PACKAGES for end in ("sql", "go", "cjs", "mjs", "s") for path in package.rglob(f"*.{end}")
    ]
    return sorted([*sources, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def named(path: Path) -> str:
    """Return a file's path below the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def is_thing(node: ast.AST) -> bool:
    """Return whether a definition needs no verb, though it is written as a function.

    A property is a thing. The docstring of `__init__` may just tell its arguments: the class says what it makes.
    """
    names = {
        found.attr if isinstance(found, ast.Attribute) else found.id
        for found in getattr(node, "decorator_list", [])
        if isinstance(found, ast.Name | ast.Attribute)
    }
    return bool(names & {"property", "cached_property"}) or getattr(node, "name", "") == "__init__"


def first_lines(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield the first line of every public docstring: its line number, its text, and whether it is a function's."""

    def is_public(name: str) -> bool:
        return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))

    def look(node: ast.Module | ast.ClassDef) -> Iterator[tuple[int, str, bool]]:
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and is_public(child.name):
                is_class = isinstance(child, ast.ClassDef)
                if text := ast.get_docstring(child):
                    yield child.lineno, text.splitlines()[0], not is_class and not is_thing(child)
                if isinstance(child, ast.ClassDef):
                    yield from look(child)

    if text := ast.get_docstring(tree):
        yield 1, text.splitlines()[0], False
    yield from look(tree)


def complaint(line: str, of_function: bool) -> str | None:
    """Return what is wrong with the first line of a docstring, or None."""
    word = re.split(r"[\s,.:;]", line, maxsplit=1)[0]
    if not line.endswith("."):
        return "the first line is not a whole sentence with a full stop"
    if word in NOT_A_THING or line.startswith(NOT_A_THING_PHRASES):
        return f"{word!r} begins a clause, not a sentence about a thing"
    if not of_function:
        return None
    if word in NO_VERB or not re.fullmatch(r"[A-Z][a-z]+(-[a-z]+)?", word):
        return f"a function's docstring begins with a verb, not with {word!r}"
    if re.search(r"([^s]s|ing|ed)$", word) and word not in VERBS_WITH_SUCH_ENDS:
        return f"a function's docstring begins with an imperative, not with {word!r}"
    return None


def vague_words(source: str) -> list[str]:
    """Return the vague words in the comments and the strings of a Python source, each with its line.

    A string that is nothing but the word is a name, such as that of the user account `nobody`.
    """
    texts = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    texts += [
        (node.lineno, node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not VAGUE.fullmatch(node.value)
    ]
    return [f"line {number}: {word}" for number, text in sorted(texts) for word in VAGUE.findall(text)]


@pytest.mark.parametrize("path", list(python_files()), ids=named)
def test_docstrings_begin_with_a_plain_sentence(path: Path) -> None:
    found = [
        f"line {number}: {wrong}: {line}"
        for number, line, of_function in first_lines(ast.parse(path.read_text()))
        if (wrong := complaint(line, of_function))
    ]
    assert found == []


@pytest.mark.parametrize("path", list(python_files()), ids=named)
def test_comments_and_strings_name_their_subjects(path: Path) -> None:
    assert vague_words(path.read_text()) == []


@pytest.mark.parametrize("path", list(other_files()), ids=named)
def test_pages_and_other_sources_name_their_subjects(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if VAGUE.search(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "Return the token's identity.",
        "Read one frame. Raises `Closed`.",
        "Pass a message on.",
        "Process one job.",
        "Bring the server up.",
        "Feed the parser.",
        "Re-read the settings.",
    ],
)
def test_an_imperative_sentence_is_right(line: str) -> None:
    assert complaint(line, of_function=True) is None


@pytest.mark.parametrize(
    "line",
    [
        "Whose a token is.",
        "What is stored of a password.",
        "That a user has a role.",
        "The rows of a project.",
        "A new id.",
        "Whether it still runs.",
        "For what belongs to no project.",
        "Returns the rows.",
        "Bytes that only this process maps.",
        "Detached from the host.",
        "Listening for changes.",
        "`/proc/PID/smaps_rollup` in bytes.",
        "No further rows.",
        "Return the rows",
        "Return the rows of a project, in",
    ],
)
def test_another_beginning_of_a_function_is_wrong(line: str) -> None:
    assert complaint(line, of_function=True) is not None


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("A user's role in a project.", True),
        ("How a protected endpoint authenticates callers.", True),
        ("Whether the promise is kept.", True),
        ("Who may call an endpoint.", False),
        ("Where the numbers come from.", False),
        ("The ones that wait.", False),
        ("How many there are.", False),
    ],
)
def test_a_class_or_a_property_is_a_thing(line: str, right: bool) -> None:
    assert (complaint(line, of_function=False) is None) is right


def test_public_docstrings_are_found_with_their_kind() -> None:
    tree = ast.parse(
        '"""M."""\nclass A:\n "C."\n @property\n def p(self): "P."\n def f(self): "F."\n def _x(self): "X."'
    )
    assert list(first_lines(tree)) == [(1, "M.", False), (2, "C.", False), (5, "P.", False), (6, "F.", True)]


def test_vague_words_are_found_in_comments_and_strings_only() -> None:
    source = '"""Whoever."""\nnobody = "nobody"  # for anybody\nprint(f"{nobody} is somebody else")\n'
    assert vague_words(source) == ["line 1: Whoever", "line 2: anybody", "line 3: somebody"]


def test_a_constructor_may_tell_its_arguments() -> None:
    tree = ast.parse('class A:\n def __init__(self): "x: bytes."\n def __len__(self): "Return it."\nclass _B:\n "B."')
    assert list(first_lines(tree)) == [(2, "x: bytes.", False), (3, "Return it.", True)]
