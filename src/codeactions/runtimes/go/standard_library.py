"""The compiled standard library, and the engine: prepared once for a toolchain, then read by every build.

With it a build takes a sixth of a second, without it one or two minutes. Only the toolchain's own sources and the
engine go into it, so it is made outside of the walls, in the spare time of one core, and ends with the server. A deploy
that waits for it does not make it faster: the calls of all other codes would pay for that. But a machine may have no
spare time. So after a while it gets a small share of that core.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from codeactions.background.task import BackgroundTask
from codeactions.domain.errors import Error, ErrorCode
from codeactions.runtimes import spare_time
from codeactions.runtimes.go import paths
from codeactions.runtimes.go.progress import Progress
from codeactions.runtimes.go.toolchain import Toolchain
from codeactions.runtimes.go.unused_libraries import READY, drop_unused
from codeactions.runtimes.preparation import State

_LOCK, _WORK, _COMPILED = "lock", "work", "compiled"
_SPARE_SECONDS = 180.0  # more than twice what it takes on a machine with time to spare
_TOLD_AT = (0.1, 0.25, 0.5, 0.75)
_POLL = 0.2  # seconds between two looks at a library that another server prepares


class StandardLibrary:
    """The preparation of Go (`preparation.Preparation`): the library of a toolchain in `folder`.

    clock: seconds, for telling how long it will still take.
    """

    def __init__(self, toolchain: Toolchain, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._toolchain = toolchain
        self._folder = folder
        self._clock = clock
        self._say: Callable[[str], None] = lambda line: None
        self._effort = spare_time.SPARE
        self._is_elsewhere = False
        self._progress = Progress(clock)
        self._problem = ""
        self._is_ready = (self._folder / READY).exists()
        self._settled = asyncio.Event()
        if self._is_ready:
            self._settled.set()
        self._task = BackgroundTask("Go's standard library", self._keep)

    def __repr__(self) -> str:
        return f"<StandardLibrary {self.state}, {self._progress.fraction:.0%}>"

    @property
    def state(self) -> State:
        """The state of the preparation."""
        return State.READY if self._is_ready else State.BROKEN if self._problem else State.PREPARING

    def as_json(self) -> dict[str, object]:
        """Return the state with its progress (0 to 1) and the seconds left, or its reason."""
        match self.state:
            case State.READY:
                return {"state": State.READY}
            case State.BROKEN:
                return {"state": State.BROKEN, "reason": self._problem}
        progress = round(self._progress.fraction, 2)
        return {"state": State.PREPARING, "progress": progress, "seconds_left": self._progress.seconds_left}

    def start(self, say: Callable[[str], None]) -> None:
        """Begin to prepare it, if it is not there yet, and drop the libraries that are not used any more."""
        self._say = say
        self._task.start()

    def hurry(self) -> None:
        """Let it take all cores, and not only their spare time."""
        self._effort = spare_time.ALL_CORES

    async def stop(self) -> None:
        """Give up. What is done stays, for the next start."""
        await self._task.stop()

    async def settled(self) -> None:
        """Wait until it is ready or broken."""
        await self._settled.wait()

    async def wait(self, seconds: float) -> None:
        """Wait for it, at most `seconds`, in order to use it.

        Raises `Error` (busy) that says how long it will still take, or what went wrong.
        """
        if self._is_ready:
            self._use()
        if self.state is State.PREPARING:
            self._task.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.settled()
        if self._problem:
            public = "Go cannot compile on this node"
            raise Error(ErrorCode.BUSY, f"{public}: {self._problem}", public=public)
        if not self._is_ready:
            left = self._progress.seconds_left
            message = f"Go's standard library is being compiled ({self._how_far()}); then try again"
            raise Error(ErrorCode.BUSY, message, retry_after=left or 10)

    def _use(self) -> None:
        """Tell the folder that it was used, or notice that it is gone."""
        try:
            os.utime(self._folder / READY)
        except FileNotFoundError:  # dropped by another server, as unused, or by hand
            self._is_ready = False
            self._settled.clear()
        except PermissionError:
            pass  # another user's file: it can be read, and that is enough

    def _how_far(self) -> str:
        left = self._progress.seconds_left
        if self._is_elsewhere:
            return "by another server of this machine"
        return f"{self._progress.fraction:.0%}, about {left} s are left" if left is not None else "it has just begun"

    async def _keep(self) -> None:
        if self._is_ready:
            self._use()
        if not self._is_ready:
            await self._prepare()
        if self._is_ready:
            with contextlib.suppress(OSError):  # another user's, which cannot be dropped
                await asyncio.to_thread(drop_unused, self._folder, time.time())

    async def _prepare(self) -> None:
        try:
            lock = os.open(self._folder / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                while not _locked(lock):  # another server is at it
                    self._is_elsewhere = True
                    await asyncio.sleep(_POLL)
                self._is_elsewhere = False
                if not (self._folder / READY).exists():
                    await self._compile()
            finally:
                os.close(lock)
            self._is_ready = True
        except OSError as error:
            self._problem = f"{error.strerror or error} ({self._folder})"
        except Error as error:
            self._problem = error.message
        self._settled.set()
        if self._problem:
            self._say(f"Go is not available: {self._problem}")

    async def _compile(self) -> None:
        self._say("compiling Go's standard library, once, in the background")
        began, work, effort = self._clock(), self._folder / _WORK, self._effort
        sizes = await self._toolchain.list_packages(work, effort)
        # What a server that was stopped has compiled is in `work`, and so is not compiled again.
        earlier = self._folder / _COMPILED
        self._progress.begin(sizes, earlier.read_text().split()[:-1] if earlier.exists() and work.exists() else ())
        to_tell = [share for share in _TOLD_AT if share > self._progress.fraction]

        def on_package(name: str) -> None:
            _append(earlier, name)
            self._progress.compiling(name)
            if to_tell and self._progress.fraction >= to_tell[0]:
                del to_tell[0]
                self._say(f"Go's standard library: {self._how_far()}")

        try:
            async with asyncio.timeout(_SPARE_SECONDS if effort == spare_time.SPARE else None):
                await self._toolchain.compile(work, on_package, effort)
        except TimeoutError:
            effort = spare_time.ONE_CORE
            await self._toolchain.compile(work, on_package, effort)
        await asyncio.to_thread(self._collect, await self._toolchain.list_compiled(work, effort))
        self._say(f"Go is ready, after {self._clock() - began:.0f} s")

    def _collect(self, found: list[list[str]]) -> None:
        """Put the compiled packages where builds look for them, and drop what else the toolchain left."""
        lines = {paths.IMPORTS: "", paths.LINKS: ""}
        for path, *files in found:
            if not files:  # nothing to compile: unsafe, and packages that have tests alone
                continue
            name = f"{paths.PACKAGES}/{path}.a"
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(files[0], self._folder / name)
            (self._folder / name).chmod(0o644)
            line = f"packagefile {path}={paths.LIBRARY}/{name}\n"
            lines[paths.LINKS] += line
            if "internal" not in path.split("/") and not path.startswith("vendor/"):
                lines[paths.IMPORTS] += line
        for config, text in lines.items():
            (self._folder / config).write_text(text)
            (self._folder / config).chmod(0o644)
        for folder, _, _ in os.walk(self._folder / paths.PACKAGES):
            Path(folder).chmod(0o755)  # a build's user has to enter it, whatever the server's umask says
        (self._folder / READY).touch()
        shutil.rmtree(self._folder / _WORK, ignore_errors=True)
        (self._folder / _COMPILED).unlink(missing_ok=True)


def _append(file: Path, name: str) -> None:
    with open(file, "a") as names:
        print(name, file=names)


def _locked(descriptor: int) -> bool:
    """Take the lock, and return whether that was possible."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
