"""The build of a JavaScript or TypeScript source: one module that Bun loads without any other file."""

from __future__ import annotations

import json
import re

from codeactions.runtimes import compiler
from codeactions.runtimes.builds import build_of
from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.javascript.paths import ENVIRONMENT, PROGRAM

_MISTAKE = re.compile(r"^error: (?P<message>.*)\n(?:\s+at action\.[jt]s:(?P<line>\d+):(?P<column>\d+))?", re.M)


@build_of("javascript")
def build(source: bytes, folder: str, places: dict[str, str]) -> bytes:
    """Return the module, with a source map in it, so that traces show the user's own lines. Raises `InvalidSource`."""
    output = ""
    # JavaScript first: a text that is valid in both need not mean the same. What TypeScript says of a mistake holds for
    # both.
    for name in ("action.js", "action.ts"):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(source)
        code, output = _bundle(places.get(PROGRAM, PROGRAM), name, folder)
        if code == 0:
            _refuse_other_files(f"{folder}/meta.json", name)
            with open(f"{folder}/made.js", "rb") as file:
                return file.read()
    raise _invalid(code, output.replace(f"{folder}/", ""))


def _bundle(bun: str, name: str, folder: str) -> tuple[int, str]:
    # Macros are code of the source. They would be executed here, with larger limits than a run has.
    flags = ["--target=bun", "--format=esm", "--sourcemap=inline", "--no-install", "--no-macros"]
    outputs = ["--outfile=made.js", "--metafile=meta.json"]
    return compiler.run([bun, "build", *flags, *outputs, name], folder=folder, environment=ENVIRONMENT)


def _refuse_other_files(metafile: str, name: str) -> None:
    """Raise `InvalidSource` if a file was imported: they are the node's, and `with { type: "text" }` takes any."""
    with open(metafile) as file:
        others = [path for path in json.load(file)["inputs"] if path != name]
    if others:
        path = "/" + others[0].lstrip("./")
        raise InvalidSource(f'"{path}" cannot be imported: only what Bun itself has (node:fs, bun:sqlite, …)')


def _invalid(code: int, output: str) -> InvalidSource:
    listing = output.replace("action.ts", "action")
    found = _MISTAKE.search(output)
    if found is None:
        last = compiler.last_words("bundler", code, output)
        return InvalidSource(f"the source cannot be bundled: {last}", listing=listing)
    message = found["message"]
    if message.startswith("Could not resolve"):
        what = message.partition(". Maybe")[0]
        message = f"{what}; only what Bun itself has can be imported (node:fs, bun:sqlite, …)"
    line, column = (int(found[name]) if found[name] else None for name in ("line", "column"))
    return InvalidSource(message, line=line, column=column, listing=listing)
