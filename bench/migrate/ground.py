"""The ground on which `migrate` is measured: PostgreSQL, databases, folders of migrations, and programs."""

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.migrate.results import Took
from bench.processes import BenchError, environment
from codeactions.migrate.database import address
from codeactions.migrate.database.connect import connect
from codeactions.migrate.database.connection import Connection
from codeactions.postgres.embedded.runtime_folder import DATABASE
from codeactions.postgres.embedded.server import EmbeddedPostgres

_numbers = itertools.count(1)


class Ground:
    """The embedded PostgreSQL as the server starts it, and a folder for files. `stack` removes both."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codeactions-bench-")))
        postgres = EmbeddedPostgres(self.folder / "data")
        stack.callback(postgres.stop)
        postgres.start()
        self.url, self.psql = postgres.url, postgres.bin_dir / "psql"
        # Programs must find byte code, as in an installed package, whatever the environment says and wherever this is.
        self._environment = environment(PYTHONPYCACHEPREFIX=str(self.folder / "bytecode"))
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._migrate = Path(sys.executable).with_name("migrate")
        if not self._migrate.is_file():
            raise BenchError(f"{self._migrate} is missing: install the project into this environment")

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Make a database, give its address, and drop it at the end.

        Dropping ends in a checkpoint, so no work is left to the next measurement.
        """
        name = f"bench_{next(_numbers)}"
        with session(self.url) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        yield self.url.replace(f"/{DATABASE}?", f"/{name}?")
        with session(self.url) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def files(self, name: str, count: int, up: str, down: str = "") -> Path:
        """Make a folder with `count` migrations. `{}` in a text becomes the version.

        Without a text for `down` there are no such files.
        """
        folder = self.folder / name
        folder.mkdir()
        for version in range(1, count + 1):
            for direction, text in (("up", up), ("down", down)):
                if text:
                    (folder / f"{version:06}_tiny.{direction}.sql").write_text(text.format(version))
        return folder

    def migrate(self, url: str, folder: Path, *words: str, says: str = "") -> Took:
        """Run the program `migrate` and measure it from start to exit, as `start` does."""
        return self.start([str(self._migrate), "-path", str(folder), "-database", url, *words], says)

    def start(self, command: Sequence[str], says: str = "") -> Took:
        """Run a program and measure it from start to exit.

        Raises `BenchError` unless it exits with 0 and the last line of its output contains `says`.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            try:
                _, status, used = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                process.wait()
                raise
            took = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read()
        if process.returncode or says not in text[text.rstrip().rfind("\n") + 1 :]:
            raise BenchError(f"{' '.join(command)} exits with {process.returncode}:\n{text[-2000:]}")
        return Took(took * 1000, (used.ru_utime + used.ru_stime) * 1000)

    def machine(self) -> dict[str, Any]:
        """Describe the machine: its versions and its load."""
        with session(self.url) as connection:
            [(postgres,)] = connection.execute("SHOW server_version")
        return {
            "cores": len(os.sched_getaffinity(0)),
            "kernel": os.uname().release,
            "python": sys.version.partition(" ")[0],
            "postgresql": postgres,
            "load_average": round(os.getloadavg()[0], 2),
        }


def session(url: str) -> Connection:
    """Open a session in autocommit, with the client that `migrate` uses."""
    return connect(address.parse(url))
