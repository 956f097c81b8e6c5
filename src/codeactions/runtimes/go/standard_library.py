"""The compiled standard library, and the engine: prepared once for a toolchain, then read by every build.

With it a build takes a sixth of a second, without it half a minute. Only the toolchain's own sources and the engine go
into it, so it is made outside of the walls, at the lowest priority, and ends with the server.
"""

import asyncio
import contextlib
import fcntl
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from codeactions.background.task import BackgroundTask
from codeactions.domain.errors import Error, ErrorCode
from codeactions.runtimes.go import paths
from codeactions.runtimes.go.toolchain import Toolchain
from codeactions.runtimes.go.unused_libraries import READY, drop_unused
from codeactions.runtimes.preparation import State

_LOCK, _WORK = "lock", "work"
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
        self._began = 0.0
        self._done = self._total = 0
        self._problem = ""
        self._is_ready = (self._folder / READY).exists()
        self._settled = asyncio.Event()
        if self._is_ready:
            self._settled.set()
        self._task = BackgroundTask("Go's standard library", self._keep)

    def __repr__(self) -> str:
        return f"<StandardLibrary {self.state}, {self._done} of {self._total}>"

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
        progress = round(self._progress(), 2)
        return {"state": State.PREPARING, "progress": progress, "seconds_left": self._seconds_left()}

    def start(self, say: Callable[[str], None]) -> None:
        """Begin to prepare it, if it is not there yet, and drop the libraries that are not used any more."""
        self._say = say
        self._task.start()

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
            left = self._seconds_left()
            about = f"about {left} s are left" if left is not None else "it has just begun"
            message = f"Go's standard library is being compiled ({self._progress():.0%}, {about}); then try again"
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

    def _progress(self) -> float:
        return self._done / self._total if self._total else 0.0

    def _seconds_left(self) -> int | None:
        if not self._done:
            return None
        elapsed = self._clock() - self._began
        return max(1, math.ceil(elapsed * (self._total - self._done) / self._done))

    async def _keep(self) -> None:
        if self._is_ready:
            self._use()
        if not self._is_ready:
            await self._prepare()
        if self._is_ready:
            with contextlib.suppress(OSError):  # another user's, which cannot be dropped
                await asyncio.to_thread(drop_unused, self._folder, time.time())

    async def _prepare(self) -> None:
        self._done = 0
        try:
            lock = os.open(self._folder / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                while not _locked(lock):  # noqa: ASYNC110 - another server is at it
                    await asyncio.sleep(_POLL)
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
        self._began = self._clock()
        work = self._folder / _WORK
        self._total = len(await self._toolchain.list_packages(work)) + 1
        shown = 0

        def compiled(_: str) -> None:
            nonlocal shown
            self._done = min(self._done + 1, self._total - 1)
            quarter = int(4 * self._progress())
            if quarter > shown:
                shown = quarter
                self._say(f"Go's standard library: {quarter * 25} % compiled")

        await self._toolchain.compile(work, compiled)
        await asyncio.to_thread(self._collect, await self._toolchain.list_compiled(work))
        self._say(f"Go is ready, after {self._clock() - self._began:.0f} s")

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


def _locked(descriptor: int) -> bool:
    """Take the lock, and return whether that was possible."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
