"""The Go peer: an ordinary program, built with the compiler, library and flags of the server."""

import subprocess
from pathlib import Path

from bench.peers.start import FOLDER
from bench.processes import BenchError
from bench.server import CACHE
from codeactions.runtimes.go import paths
from codeactions.runtimes.go.runtime import find


def build(folder: Path) -> Path:
    """Compile the program in an empty folder. Returns its path. Raises `BenchError`.

    The server must have prepared the library before.
    """
    mounts = find(CACHE).build_mounts
    tools, library = mounts[paths.TOOLS], mounts[paths.LIBRARY]
    links = Path(library, paths.LINKS).read_text().replace(paths.LIBRARY, library)
    Path(folder, "links").write_text(links)
    compiling = ["-p", "main", f"-lang={paths.LANGUAGE}", "-complete", "-importcfg", "links", "-pack", "-trimpath"]
    _call(folder, f"{tools}/compile", "-o", "main.a", *compiling, f"{folder}=>", str(FOLDER / "call.go"))
    linking = ["-importcfg", "links", "-buildmode=exe", "-s", "-w"]
    _call(folder, f"{tools}/link", "-o", "program", *linking, "main.a")
    return folder / "program"


def _call(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{command[0]} exits with {done.returncode}:\n{done.stdout}{done.stderr}")
