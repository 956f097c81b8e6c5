"""Go's own command, as a server uses it: outside of the walls, on the toolchain's own sources and the engine alone."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode
from codeactions.runtimes import spare_time

ENGINE = Path(__file__).parent / "engine"
_FLAGS = ("-trimpath", "-ldflags=-s -w")
_SOURCES = "{{.ImportPath}}|{{.Dir}}|{{range .GoFiles}}{{.}}|{{end}}"
_LISTING = "{{.ImportPath}} {{.Export}}"
OnLine = Callable[[str], None]


class Toolchain:
    """The toolchain in the folder `root`. Its methods raise `Error` (internal) with the last line of a failure.

    work: the folder where it keeps what is compiled, so that the next call need not compile it again. effort: how much
    of the machine it may take (see `spare_time`).
    """

    def __init__(self, root: str) -> None:
        self._root = root

    async def list_packages(self, work: Path, effort: str) -> dict[str, int]:
        """Return the standard library's packages that have something to compile: import path → bytes of source."""
        lines: list[str] = []
        await self._go(work, ["list", "-f", _SOURCES, "std"], os.sep, lines.append, effort)
        found = {}
        for line in lines:
            path, folder, *files = line.rstrip("|").split("|")
            if files:
                found[path] = sum(os.stat(f"{folder}/{name}").st_size for name in files)
        return found

    async def compile(self, work: Path, on_package: OnLine, effort: str) -> None:
        """Compile the standard library. `on_package` gets each package's import path, when it is begun."""
        await self._go(work, ["build", "-v", *_FLAGS, "std"], os.sep, on_package, effort)

    async def list_compiled(self, work: Path, effort: str) -> list[list[str]]:
        """Compile the engine, and return the import path of each package with the file that it is compiled to.

        A package with nothing to compile has no file.
        """
        found: list[str] = []
        await self._go(work, ["list", *_FLAGS, "-export", "-f", _LISTING, "std"], os.sep, found.append, effort)
        await self._go(work, ["list", *_FLAGS, "-export", "-f", _LISTING, "./..."], str(ENGINE), found.append, effort)
        return [line.split() for line in found]

    def _environment(self, work: Path, effort: str) -> dict[str, str]:
        """Return the toolchain's environment: offline, without C, and with nothing of the server's."""
        # Or it starts as many compilers as the machine has cores, and each as many threads.
        bounds = {} if effort == spare_time.ALL_CORES else {"GOMAXPROCS": "1"}
        return bounds | {
            "CGO_ENABLED": "0",
            "GO111MODULE": "on",
            "GOCACHE": str(work),
            "GOENV": "off",
            "GOFLAGS": "-mod=mod",
            "GOPROXY": "off",
            "GOROOT": self._root,
            "GOSUMDB": "off",
            "GOTELEMETRY": "off",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            "PATH": "/usr/bin:/bin",
        }

    async def _go(self, work: Path, words: list[str], folder: str, on_line: OnLine, effort: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-I",
                "-S",
                spare_time.__file__,
                str(os.getpid()),
                effort,
                f"{self._root}/bin/go",
                *words,
            ),
            cwd=folder,
            env=self._environment(work, effort),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        last = ""
        try:
            async for line in process.stdout:
                last = line.decode(errors="replace").strip()
                on_line(last)
            code = await process.wait()
        except BaseException:  # a cancellation above all: nothing of the toolchain may stay
            _kill_all(process)
            await process.wait()
            raise
        if code != 0:
            raise Error(ErrorCode.INTERNAL, f"`go {words[0]}` failed: {last or f'it ended with {code}'}")


def _kill_all(process: asyncio.subprocess.Process) -> None:
    """Kill the toolchain with the compilers that it started, which are in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
