"""One sandbox for one run, as the server sees it."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process of a run ended, as the kernel told the launcher.

    status: exit code, or minus the signal's number; None when it never started or its launcher died (`why`).
    memory_kills: processes of the run that the kernel killed for memory. peak: bytes, where the host tells.
    """

    status: int | None
    memory_kills: int = 0
    peak: int | None = None
    why: str = ""


class Sandbox:
    """One sandbox for one run: its four pipes, and the news of its end.

    job and frames: where the job is written, and what the run answers with is read. Pipes and not a socket: over
    a unix socket a run could hand the server descriptors whose closing blocks, and see the host's network devices.
    stdout, stderr: raw output.
    """

    def __init__(self, slot: int, run: int, zygote: str, kill: Callable[[], None]) -> None:
        """Raises `OSError` when the server has too few descriptors left; then it keeps none."""
        self.slot, self.run, self.zygote = slot, run, zygote
        self._open_ends: tuple[int, ...] = ()
        self._kill = kill
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        made: list[int] = []
        try:
            for _ in range(4):
                made += os.pipe()
        except OSError:
            for fd in made:
                os.close(fd)
            raise
        self._job_end, self.job, self.frames, self._frames_end = made[:4]
        self.stdout, self._stdout_end, self.stderr, self._stderr_end = made[4:]
        self._open_ends = (self.job, self.frames, self.stdout, self.stderr)
        for fd in self._open_ends:
            os.set_blocking(fd, False)

    def __repr__(self) -> str:
        return f"<Sandbox slot={self.slot} run={self.run} {'ended' if self.ended.done() else 'alive'}>"

    @property
    def run_ends(self) -> tuple[int, int, int, int]:
        """The descriptors that belong to the run's process, in the order that `isolation.wire` takes them."""
        return (self._stdout_end, self._stderr_end, self._job_end, self._frames_end)

    def close_run_ends(self) -> None:
        """Let go of the run's ends, once they are on their way to it."""
        for fd in self.run_ends:
            os.close(fd)

    def kill(self) -> None:
        """Ask for the end of the run and of everything it started. `ended` tells when nothing is left."""
        if not self.ended.done():
            self._kill()

    def discard(self) -> None:
        """End a sandbox that got no job and never will."""
        self.kill()
        self.close()

    def close(self) -> None:
        """Let go of the server's ends, if they are still open.

        The run may still be alive; the slot is free once `ended` is done.
        """
        ends, self._open_ends = self._open_ends, ()
        for fd in ends:
            os.close(fd)

    __del__ = close  # numbers of descriptors do not close themselves as sockets and files do
