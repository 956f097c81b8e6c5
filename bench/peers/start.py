"""The start of the peers that answer HTTP."""

import contextlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

from bench.peers.process_per_request import Action
from bench.processes import ROOT, BenchError, Child, start_module, wait_until

PLAIN = "python per request"
IMPORTS = "python per request, with clients"
FUNCTIONS = "functions-framework"
PEERS = (PLAIN, IMPORTS, FUNCTIONS)
RECORDING = (PLAIN, IMPORTS)
FOLDER = ROOT / "bench" / "peers"
_SCRIPTS = {PLAIN: "engine_plain.py", IMPORTS: "engine_imports.py"}


def start(name: str, stack: contextlib.ExitStack, database: str, code_id: UUID, source: str) -> tuple[str, int]:
    """Start a peer and wait until it serves. `stack` stops it. Returns host and port. Raises `BenchError`."""
    if name == FUNCTIONS:
        return _start_functions_framework(stack)
    command = (sys.executable, str(FOLDER / _SCRIPTS[name]))
    action = Action(code=str(code_id), command=command, source=source)
    return start_processes(stack, name, database, {"/": action})


def start_processes(
    stack: contextlib.ExitStack, name: str, database: str, actions: Mapping[str, Action]
) -> tuple[str, int]:
    """Start a server that runs one process for each request, with a path for each action. Otherwise like `start`."""
    described = json.dumps({path: asdict(action) for path, action in actions.items()})
    flags = (f"--database={database}", f"--actions={described}")
    return start_module(stack, name, "bench.peers.process_per_request", *flags).address()


def _start_functions_framework(stack: contextlib.ExitStack) -> tuple[str, int]:
    """Start Google's program with all its defaults: gunicorn, one process, four threads for each core."""
    host, port = "127.0.0.1", _free_port()
    source = FOLDER / "function.py"
    flags = [f"--source={source}", "--target=run", f"--host={host}", f"--port={port}"]
    env = {name: value for name, value in os.environ.items() if name not in ("WORKERS", "THREADS", "DEBUG")}
    child = Child(FUNCTIONS, [sys.executable, "-m", "functions_framework", *flags], env)
    stack.callback(child.stop)

    def serves() -> bool:
        if not child.alive():
            raise BenchError(f"functions-framework ended:\n{child.errors()}")
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return True
        return False

    wait_until(serves, 30.0, "functions-framework serving")
    return host, port


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
