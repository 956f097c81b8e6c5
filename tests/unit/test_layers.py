"""The house rules that can be read off the source: which way imports point, sizes, docstrings, where SQL is."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import codeactions

SOURCE = Path(codeactions.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
OTHER_FILES = sorted(path for ending in ("go", "cjs", "sql") for path in SOURCE.rglob(f"*.{ending}"))
# What each layer may import besides itself. Arrows run downwards only.
BELOW: dict[str, set[str]] = {
    "domain": set(),
    "background": set(),
    "examples": set(),
    "migrate": set(),
    "sandbox": {"domain"},
    "runtimes": {"sandbox", "background", "domain"},
    "postgres": {"background", "domain"},
    "limits": {"domain"},
    "identity": {"postgres", "background", "domain"},
    "execution": {"runtimes", "sandbox", "background", "domain"},
    "services": {"limits", "identity", "execution", "postgres", "runtimes", "domain"},
    "events": {"services", "background", "domain"},
}
BELOW["http"] = BELOW["services"] | {"services"}
BELOW["node"] = BELOW["http"] | {"http", "events", "sandbox", "background", "migrate", "examples"}
BELOW["cli"] = BELOW["node"] | {"node"}
# Words that only SQL begins a text with. A session's own SET and LISTEN change no data and stay where they are.
SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|TRUNCATE|MERGE)\s+[\w*('\"]")
# Modules with statements that are not in .sql files.
SQL_IN_PYTHON = {
    # Makes the very database that everything else is in; there is nothing yet that a .sql file could be for.
    "postgres/embedded/postmaster.py",
    # All of the package's own statements: the names of tables are the user's, so nearly all are built.
    "migrate/database/sql.py",
    "migrate/database/file_sql.py",
    "migrate/database/lock_sql.py",
    # Patterns of statements to look for.
    "migrate/statements/kind.py",
    "migrate/statements/split.py",
}
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 60


def named(path: Path) -> str:
    """A file's path below the package."""
    return str(path.relative_to(SOURCE))


def layer(path: Path) -> str:
    """The layer a file is in; "" for the package's own."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(tree: ast.AST) -> Iterator[str]:
    """The layers of ours that a module imports, also inside functions."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [node.module or ""]
            if node.module == "codeactions":
                names = [f"codeactions.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "codeactions" and rest and rest != "__version__":
                yield rest.partition(".")[0]


def test_every_layer_is_known() -> None:
    assert {layer(path) for path in FILES} - {""} == set(BELOW)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_run_downwards_only(path: Path) -> None:
    found = set(imports(ast.parse(path.read_text())))
    own = layer(path)
    if own:
        assert found - {own} <= BELOW[own]
    else:
        assert found <= {"cli"}, "the package's own files start the command line, and no more"


def modules_of(path: Path) -> set[Path]:
    """The files of ours that a module imports when it is imported itself."""
    found: set[Path] = set()
    for node in ast.parse(path.read_text()).body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.startswith("codeactions."):
                found |= {SOURCE.joinpath(*name.split(".")[1:]).with_suffix(".py")} & set(FILES)
    return found


def test_imports_have_no_circle() -> None:
    imported = {path: modules_of(path) for path in FILES}
    while leaves := {path for path, others in imported.items() if not others & set(imported)}:
        imported = {path: others for path, others in imported.items() if path not in leaves}
    assert sorted(map(named, imported)) == []


# The database's driver is known at the bottom alone: the layers above work with any implementation of their protocols.
@pytest.mark.parametrize(
    "path", [path for path in FILES if layer(path) in ("cli", "execution", "http", "services")], ids=named
)
def test_the_driver_is_imported_at_the_bottom_only(path: Path) -> None:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert not names & {"psycopg", "psycopg_pool"}


def modules(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, by its full name, and every `module.name` of a `from` import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", [path for path in FILES if layer(path) != "migrate"], ids=named)
def test_only_the_api_of_migrate_is_used(path: Path) -> None:
    used = {name for name in modules(ast.parse(path.read_text())) if name.startswith("codeactions.migrate")}
    assert all(f"{name}.".startswith("codeactions.migrate.api.") for name in used), used


def test_migrate_could_be_moved_elsewhere() -> None:
    used = {
        (named(path), name)
        for path in FILES
        if layer(path) == "migrate"
        for name in modules(ast.parse(path.read_text()))
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("codeactions.migrate.")
    }
    assert used == {("migrate/about.py", "codeactions.__version__")}


def test_the_domain_does_no_input_or_output() -> None:
    allowed = {
        "ahocorasick_rs",
        "argon2",
        "base64",
        "binascii",
        "bisect",
        "cachetools",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "fnmatch",
        "functools",
        "hashlib",
        "hmac",
        "html",
        "itertools",
        "json",
        "os",
        "re",
        "threading",
        "time",
        "types",
        "typing",
        "urllib",
        "uuid",
    }
    for path in FILES:
        if layer(path) == "domain":
            for node in ast.walk(ast.parse(path.read_text())):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert {name.partition(".")[0] for name in modules} <= allowed | {"codeactions"}, path


@pytest.mark.parametrize("path", [*FILES, *OTHER_FILES], ids=named)
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", FILES, ids=named)
def test_functions_stay_short(path: Path) -> None:
    functions = [
        n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [n.name for n in functions if (n.end_lineno or n.lineno) - n.lineno + 1 > MOST_LINES_OF_A_FUNCTION]
    assert long == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_everything_public_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    missing = [] if ast.get_docstring(tree) or not tree.body else ["(module)"]

    def look(node: ast.Module | ast.ClassDef, prefix: str) -> None:
        for child in node.body:
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if child.name.startswith("_"):
                continue
            overload = any(isinstance(one, ast.Name) and one.id == "overload" for one in child.decorator_list)
            inherited = isinstance(node, ast.ClassDef) and node.name.startswith("_")
            if not ast.get_docstring(child) and not overload and not inherited:
                missing.append(prefix + child.name)
            if isinstance(child, ast.ClassDef):
                look(child, f"{prefix}{child.name}.")

    # The examples are users' code, whose form is given.
    if layer(path) != "examples" or path.name == "__init__.py":
        look(tree, "")
    assert missing == []


@pytest.mark.parametrize("path", [path for path in FILES if named(path) not in SQL_IN_PYTHON], ids=named)
def test_statements_are_in_sql_files(path: Path) -> None:
    tree = ast.parse(path.read_text())
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [
        f"line {node.lineno}: {str(node.value)[:60]}"
        for node in texts
        if id(node) not in documents and SQL.match(str(node.value))
    ]
    assert found == []


def test_every_statement_of_the_sql_files_is_named_and_used() -> None:
    for file in sorted((SOURCE / "postgres" / "sql").glob("*.sql")):
        names = re.findall(r"^-- name: (\w+)$", file.read_text(), re.MULTILINE)
        assert names
        assert len(set(names)) == len(names)
        text = (SOURCE / "postgres" / f"{file.stem}.py").read_text()
        unused = [
            name for name in names if f'"{name}"' not in text and name.partition("_of_")[0] not in ("page", "count")
        ]
        assert unused == [], file.name
