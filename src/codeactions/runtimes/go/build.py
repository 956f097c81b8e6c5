"""The build of a Go source: a program of its own, with nothing but the standard library and the engine.

The compiler and the linker are called directly: `go build` would find out each time what is compiled already.
"""

from __future__ import annotations

import re

from codeactions.runtimes import compiler
from codeactions.runtimes.builds import build_of
from codeactions.runtimes.go.paths import IMPORTS, LANGUAGE, LIBRARY, LINKS, MAIN, TOOLS
from codeactions.runtimes.invalid_source import InvalidSource

_ENVIRONMENT = {"HOME": "/nonexistent", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
_MISTAKE = re.compile(r"^action\.go:(?P<line>\d+)(?::(?P<column>\d+))?: (?P<message>.*(?:\n\t.*)*)", re.M)
_HAS = "only the standard library and codeactions can be imported"
_NO_RUN = "the source must have func Run(engine *codeactions.Engine) error"


@build_of("go")
def build(source: bytes, folder: str, places: dict[str, str]) -> bytes:
    """Return the program. Raises `InvalidSource`, with the place in the source where the compiler names one."""
    tools, library = places.get(TOOLS, TOOLS), places.get(LIBRARY, LIBRARY)
    own = f"packagefile run/action={folder}/action.a\n"
    for name, config in (("imports", IMPORTS), ("links", LINKS)):
        with open(f"{library}/{config}") as file:
            _write(f"{folder}/{name}", file.read().replace(LIBRARY, library) + ("" if name == "imports" else own))
    with open(f"{folder}/action.go", "wb") as file:
        file.write(source)
    _write(f"{folder}/main.go", MAIN)
    _call(tools, folder, "compile", *_compiling("action", "run/action", "imports"))
    _call(tools, folder, "compile", *_compiling("main", "main", "links"))
    # The engine adds a hook to the runtime (exit.go), which the linker otherwise refuses.
    flags = ["-importcfg", "links", "-buildmode=exe", "-checklinkname=0", "-s", "-w"]
    _call(tools, folder, "link", "-o", "made", *flags, "main.a")
    with open(f"{folder}/made", "rb") as file:
        return file.read()


def _compiling(name: str, package: str, config: str) -> list[str]:
    flags = ["-p", package, f"-lang={LANGUAGE}", "-complete", "-importcfg", config, "-pack", "-trimpath", "$FOLDER=>"]
    return ["-o", f"{name}.a", *flags, f"{name}.go"]


def _call(tools: str, folder: str, tool: str, *words: str) -> None:
    command = [f"{tools}/{tool}", *(word.replace("$FOLDER", folder) for word in words)]
    code, output = compiler.run(command, folder=folder, environment=_ENVIRONMENT)
    if code != 0:
        raise _invalid(code, output)


def _invalid(code: int, output: str) -> InvalidSource:
    found = _MISTAKE.search(output)
    if found:
        message = " ".join(found["message"].split())
        if message.startswith("could not import "):
            message = f"{message.partition(' (')[0]}: {_HAS}"
        elif message.startswith("invalid import path"):  # such as an address, with its https://
            message = f"{message}: {_HAS}"
        column = int(found["column"]) if found["column"] else None
        return InvalidSource(message, line=int(found["line"]), column=column, listing=output)
    # A mistake in the program around the action means that the action has no Run, or one of another type.
    if "main.go:" in output:
        return InvalidSource(_NO_RUN, listing=output)
    last = compiler.last_words("compiler", code, output)
    return InvalidSource(f"the source cannot be compiled: {last}", listing=output)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
