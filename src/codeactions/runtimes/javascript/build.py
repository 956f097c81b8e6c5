"""The build of a JavaScript or TypeScript source: one module that Bun loads without any other file."""

from __future__ import annotations

import json
import re

from codeactions.runtimes import compiler
from codeactions.runtimes.builds import build_of
from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.javascript.paths import ENVIRONMENT, PROGRAM

_HAS = "only what Bun itself has can be imported (node:fs, bun:sqlite, …)"
_NOT_FOUND = "Could not resolve"
_UNRESOLVED = re.compile(f"^error: {_NOT_FOUND}", re.MULTILINE)
_ELSEWHERE = re.compile("https?:", re.IGNORECASE)
# Modules that Bun's bundler does not tell from such that do not exist, and that there are.
_KNOWN = {"bun:ffi", "bun:jsc", "bun:sqlite", "bun:test", "node:sqlite", "node:test"}
_IS_BUILTIN = "process.exit(require('node:module').isBuiltin(process.argv.at(-1)) ? 0 : 3)"
_MISTAKE = re.compile(r"^error: (?P<message>.*)\n(?:\s+at action\.[jt]s:(?P<line>\d+):(?P<column>\d+))?", re.M)


@build_of("javascript")
def build(source: bytes, folder: str, places: dict[str, str]) -> bytes:
    """Return the module, with a source map in it, so that traces show the user's own lines. Raises `InvalidSource`."""
    output = ""
    bun = places.get(PROGRAM, PROGRAM)
    # JavaScript first: a text that is valid in both need not mean the same. What TypeScript says of a mistake holds for
    # both. But TypeScript leaves out an import that is not used, also of what is not there.
    for name in ("action.js", "action.ts"):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(source)
        code, output = _bundle(bun, name, folder)
        if code == 0:
            _refuse_imports(bun, folder, name, source.decode())
            with open(f"{folder}/made.js", "rb") as file:
                return file.read()
        if _UNRESOLVED.search(output):
            break
    raise _invalid(code, output.replace(f"{folder}/", ""))


def _bundle(bun: str, name: str, folder: str) -> tuple[int, str]:
    # Macros are code of the source. They would be executed here, with larger limits than a run has.
    flags = ["--target=bun", "--format=esm", "--sourcemap=inline", "--no-install", "--no-macros"]
    outputs = ["--outfile=made.js", "--metafile=meta.json"]
    return compiler.run([bun, "build", *flags, *outputs, name], folder=folder, environment=ENVIRONMENT)


def _refuse_imports(bun: str, folder: str, name: str, source: str) -> None:
    """Raise `InvalidSource` for an import that the bundler takes and that no run can load, or none should.

    Files are the node's, and `with { type: "text" }` takes any. Addresses and Bun's own modules are left to the run.
    """
    with open(f"{folder}/meta.json") as file:
        inputs = json.load(file)["inputs"]
    for imported in inputs[name]["imports"]:
        path = imported.get("original", imported["path"])
        if imported["path"] in inputs:
            shown = path if path.startswith("data:") else "/" + imported["path"].lstrip("./")
            raise _refused(source, path, f'"{shown[:200]}" cannot be imported: {_HAS}')
        if _ELSEWHERE.match(path):
            raise _refused(source, path, _no_network(path))
        is_doubtful = imported["path"].startswith(("node:", "bun:")) and path not in _KNOWN
        if is_doubtful and imported["kind"] == "import-statement":
            code, _ = compiler.run([bun, "-e", _IS_BUILTIN, "--", path], folder=folder, environment=ENVIRONMENT)
            if code == 3:
                raise _refused(source, path, f'{_NOT_FOUND}: "{path}": there is no such module here; {_HAS}')
    if len(inputs) > 1:  # come in by another way
        raise InvalidSource(f"other files cannot be imported: {_HAS}")


def _no_network(address: str) -> str:
    return f'"{address[:200]}" cannot be imported: runs have no network, and {_HAS}'


def _refused(source: str, path: str, message: str) -> InvalidSource:
    """Return the error with the place where the source imports the path."""
    quoted = "([\"'`])" + re.escape(path) + r"\1"
    found = re.search(rf"\b(?:from|import|require)\s*\(?\s*(?={quoted})", source) or re.search(rf"(?={quoted})", source)
    if found is None:  # written with escapes
        return InvalidSource(message, listing=message)
    before = source[: found.end()]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return InvalidSource(message, line=line, column=column, listing=f"{message}\n    at action:{line}:{column}\n")


def _invalid(code: int, output: str) -> InvalidSource:
    listing = output.replace("action.ts", "action").replace("action.js", "action")
    found = _MISTAKE.search(output)
    if found is None:
        last = compiler.last_words("bundler", code, output)
        return InvalidSource(f"the source cannot be bundled: {last}", listing=listing)
    message = found["message"]
    if message.startswith(_NOT_FOUND):
        what = message.partition(". Maybe")[0]
        path = what.partition(': "')[2].rstrip('"')
        reason = "a code is one file" if path.startswith((".", "/")) else "there is no such package here"
        message = _no_network(path) if _ELSEWHERE.match(path) else f"{what}: {reason}; {_HAS}"
    line, column = (int(found[name]) if found[name] else None for name in ("line", "column"))
    return InvalidSource(message, line=line, column=column, listing=listing)
