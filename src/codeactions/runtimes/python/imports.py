"""The imports of a Python source that certainly fail when it is loaded, found without executing any of it."""

from __future__ import annotations

import _imp
import ast
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder

from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.python.source import FILE, MODULE, library_path

_HAS = "Python's standard library"
# By the version of Python that is the first without them.
_REMOVED = {
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis"),
        *("nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    ),
}
# Modules that others put in their place, which no file is named like.
_MADE = ("os.path", "typing.io", "typing.re", "xml.parsers.expat.errors", "xml.parsers.expat.model")
# With these, a source may have changed what can be imported before it imports it.
_MEANS = {"sys", "site", "importlib", "pkgutil", "runpy", "builtins", "exec", "eval", "__import__", "globals", "vars"}


def refuse_missing(source: str) -> None:
    """Raise `InvalidSource` for the first import of something that there is not, in a source that can be compiled.

    Only those are looked at that are executed in any case: none in a function, a condition or a `try`.
    """
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.encode().split(b"\n")
    for node in _executed(ast.parse(text).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for place, name in _names(node):
                if why := _missing(name):
                    line = lines[place.lineno - 1]
                    column = len(line[: place.col_offset].decode(errors="replace")) + 1
                    shown = line.decode(errors="replace").strip()
                    listing = f'  File "{FILE}", line {place.lineno}\n    {shown}\n{why}\n'
                    raise InvalidSource(why, line=place.lineno, column=column, listing=listing)
        if _may_change_imports(node):
            return


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that are executed when the module is loaded, the bodies of classes included."""
    for node in body:
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _executed(node.body)


def _names(node: ast.Import | ast.ImportFrom) -> list[tuple[ast.stmt | ast.alias, str]]:
    """Return the places and the names of what is imported; a relative one begins with a dot."""
    if isinstance(node, ast.ImportFrom):
        return [(node, "." * node.level + (node.module or ""))]
    return [(alias, alias.name) for alias in node.names]


def _may_change_imports(node: ast.stmt) -> bool:
    """Return whether a statement, or what it defines, could. An import of one of the means does nothing by itself."""
    if isinstance(node, ast.Import):
        return any(alias.asname and alias.name.partition(".")[0] in _MEANS for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in _MEANS
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _MEANS:
                return True
            case ast.Import() | ast.ImportFrom() if any(name.partition(".")[0] in _MEANS for _, name in _names(part)):
                return True
    return False


def _missing(name: str) -> str:
    """Return why a module cannot be imported; "" if it can."""
    if name.startswith("."):
        return f"there is nothing to import from {name}: a code is one file"
    top = name.partition(".")[0]
    if top in (MODULE, __name__.partition(".")[0], "__main__") or _is_there(name):
        return ""
    if _is_there(top):
        return f"there is no {name} here: {top} of {_HAS} has no such module"
    return f"there is no library {top} here; runs have {_HAS}{_hint(top)}"


def _is_there(name: str) -> bool:
    """Return whether the standard library has a module. Nothing is imported, not even a package to look into it."""
    top, *rest = name.split(".")
    if name in _MADE or (not rest and (name in sys.builtin_module_names or _imp.is_frozen(name))):
        return True
    path = library_path()
    for part in (top, *rest):
        found = PathFinder.find_spec(part, path)
        if found is None:
            return False
        path = list(found.submodule_search_locations or ())
    return True


def _hint(name: str) -> str:
    from difflib import get_close_matches

    for removed, names in _REMOVED.items():
        if name in names and sys.version_info >= removed:
            return f", which has no {name} any more since {removed[0]}.{removed[1]}"
    public = [one for one in sys.stdlib_module_names if not one.startswith("_") and _is_there(one)]
    near = get_close_matches(name, public, n=1, cutoff=0.8)
    return f"; did you mean {near[0]}?" if near else ""
