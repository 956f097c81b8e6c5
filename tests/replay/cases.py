"""The recorded cases, and how one is replayed."""

import functools
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from replay.cluster import NO_TABLE, Cluster
from replay.differences import NOT_REPLAYED

CASE_SECONDS = 20.0
MIGRATE = "from codeactions.migrate.main import main; raise SystemExit(main())"

# The recorder's ports: its server's, and one without a listener.
SERVER_PORT, CLOSED_PORT = "55432", "55431"
# Where it wrote no rows although they matter. In A2 golang-migrate never applied anything, in 174 it had just made
# the table again, 214 began afresh; in the others the table was gone afterwards, and with it what was asked for.
UNRECORDED_ROWS_BEFORE = {174: "", 214: NO_TABLE}
UNRECORDED_ROWS_AFTER = {172: NO_TABLE, 174: NO_TABLE, 214: NO_TABLE}
EMPTY_EACH_TIME = "A2."
# What the recorder made beforehand.
STATEMENTS_BEFORE = {201: "CREATE TABLE a (id int)", 202: "CREATE TABLE a (id int)"}
# Its files are text; the one of this case had the byte.
LATIN_1 = 197

DURATION = r"(?:[0-9]+h)?(?:[0-9]+m)?[0-9]+(?:\.[0-9]+)?(?:ns|µs|ms|s)"
MASKS = [
    (re.compile(rf"\({DURATION}\)"), "(DURATION)"),
    (re.compile(rf"(?<=\(read ){DURATION}, ran {DURATION}(?=\))"), "DURATION, ran DURATION"),
    (re.compile(rf"(?<=Finished after ){DURATION}$", re.MULTILINE), "DURATION"),
    (re.compile(r"^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} ", re.MULTILINE), "DATE TIME "),
    (re.compile(r"(?<![0-9])20[0-9]{12}(?=_)"), "VERSION"),
]


@dataclass(frozen=True)
class Case:
    """One recorded command line."""

    number: int
    title: str
    section: str
    files: dict[str, str]
    command: str
    stdin: str | None
    stdout: str
    stderr: str
    exit_code: int
    rows_before: str | None
    rows_after: str | None
    """None: not recorded."""


@dataclass(frozen=True)
class Outcome:
    """What a command did; its texts are masked."""

    exit_code: int
    rows_after: str
    stdout: str
    stderr: str


@functools.cache
def recorded() -> dict[int, Case]:
    """Every case of the recording, by its number."""
    found = json.loads(Path(__file__).with_name("observed.json").read_text(encoding="utf-8"))
    return {
        case["n"]: Case(
            number=case["n"],
            title=case["title"],
            section=case["section"],
            files=case.get("cwd_files") or {},
            command=case["command"],
            stdin=case.get("stdin"),
            stdout=case["stdout"],
            stderr=case["stderr"],
            exit_code=case["exit_code"],
            rows_before=UNRECORDED_ROWS_BEFORE.get(case["n"], case.get("rows_before")),
            rows_after=UNRECORDED_ROWS_AFTER.get(case["n"], case["rows_after"]),
        )
        for case in found["cases"]
    }


def replayed() -> list[Case]:
    """Those that can be replayed, in their order."""
    return [case for number, case in recorded().items() if number not in NOT_REPLAYED]


def masked(text: str) -> str:
    """Without what is another in every run."""
    for pattern, name in MASKS:
        text = pattern.sub(name, text)
    return text


def make_files(case: Case, folder: Path) -> None:
    """Put the case's files into an empty folder."""
    for name, text in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif link := re.fullmatch(r"\(symbolic link to (.*)\)", text):
            path.symlink_to(link[1])
        elif case.number == LATIN_1:
            path.write_bytes(text.replace("\\xe9", "\xe9").encode("latin-1"))
        else:
            path.write_bytes(text.encode())


class Replay:
    """Replays cases on one server, each section in order. Outcomes are kept, so that any case can be asked for."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._base = Path(tempfile.mkdtemp(prefix="codeactions-replay-", dir="/tmp")).resolve()
        self._outcomes: dict[int, Outcome] = {}
        self._rest: list[Case] = []
        self._folders = itertools.count(1)
        self._programs = self._base / "bin"
        self._programs.mkdir()
        (self._programs / "psql").symlink_to(cluster.programs.folder / "psql")
        script = Path(sys.executable).with_name("migrate")
        if script.exists():
            (self._programs / "migrate").symlink_to(script)
        else:
            words = shlex.join([sys.executable, "-c", MIGRATE])
            (self._programs / "migrate").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (self._programs / "migrate").chmod(0o755)
        # Taken, but without a listener.
        self._closed = socket.socket()
        self._closed.bind(("127.0.0.1", 0))

    def close(self) -> None:
        """Remove its folders."""
        self._closed.close()
        shutil.rmtree(self._base)

    def outcome(self, number: int) -> Outcome:
        """What the case does here. Runs those before it in its section first, unless they have just been run."""
        case = recorded()[number]
        if number not in self._outcomes:
            # Also from the start if the case was cut off on its way.
            if case not in self._rest:
                self._rest = [other for other in replayed() if other.section == case.section]
                self.cluster.renew_database()
            while number not in self._outcomes:
                following = self._rest.pop(0)  # gone, should it be cut off
                self._outcomes[following.number] = self._run(following)
        return self._outcomes[number]

    def _run(self, case: Case) -> Outcome:
        self._prepare_database(case)
        folder = self._base / str(next(self._folders))
        folder.mkdir()
        make_files(case, folder)
        status, stdout, stderr = self._execute(case, folder)
        return Outcome(status, self.cluster.rows(), self._masked(stdout, folder), self._masked(stderr, folder))

    def _prepare_database(self, case: Case) -> None:
        before = case.rows_before
        if case.section.startswith(EMPTY_EACH_TIME):
            self.cluster.renew_database()
            before = ""
        elif before == NO_TABLE:
            self.cluster.renew_database()
        if before is not None and self.cluster.rows() != before:
            self.cluster.set_rows(before)
        if statement := STATEMENTS_BEFORE.get(case.number):
            self.cluster.execute(statement)

    def _execute(self, case: Case, folder: Path) -> tuple[int, bytes, bytes]:
        home = self._base / "home"
        home.mkdir(exist_ok=True)
        environment = {"PATH": f"{self._programs}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
        process = subprocess.Popen(
            ["bash", "--norc", "-c", self._script(case)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL if case.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            try:
                given = None if case.stdin is None else case.stdin.encode()
                stdout, stderr = process.communicate(given, CASE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                stdout, stderr = process.communicate()
                stderr += f"(killed by the test after {CASE_SECONDS:g} s)\n".encode()
            except BaseException:  # Ctrl-C, or the time-out of the test
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return process.returncode, stdout, stderr

    def _script(self, case: Case) -> str:
        place = f"postgres@127.0.0.1:{self.cluster.port}/t?sslmode=disable"
        addresses = {"DB": f"postgres://{place}", "PGX": f"pgx5://{place}", "PGX4": f"pgx://{place}"}
        # Variables of the shell, not of the environment.
        lines = [f"{name}={shlex.quote(address)}" for name, address in addresses.items()]
        # `head` leaves early; whether the command notices would be chance.
        command = re.sub(r"\| head -([0-9]+)", r"| sed -n 1,\1p", case.command)
        # An interpreter may take a second to start where much else goes on.
        command = re.sub(r"\btimeout [0-9]+ ", "timeout 15 ", command)
        command = command.replace(SERVER_PORT, str(self.cluster.port))
        command = command.replace(CLOSED_PORT, str(self._closed.getsockname()[1]))
        return "\n".join([*lines, command])

    def _masked(self, text: bytes, folder: Path) -> str:
        """What was printed, in the recorder's names."""
        found = masked(text.decode(errors="backslashreplace")).replace(str(folder), "$CWD")
        found = re.sub(rf"\b{self.cluster.port}\b", SERVER_PORT, found)
        return re.sub(rf"\b{self._closed.getsockname()[1]}\b", CLOSED_PORT, found)
