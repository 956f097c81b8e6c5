"""A warm, isolated interpreter from which runs are forked.

It imports what every run of its kind needs and never anything of a user's. It reads only what the launcher
sends, and no run can write to it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
from collections.abc import Callable

from codeactions.sandbox import channel
from codeactions.sandbox.config import Limits
from codeactions.sandbox.inside import isolation, syscalls
from codeactions.sandbox.inside.isolation import Slot

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, NoReturn


def serve(
    sock: socket.socket,
    module: str,
    slots: list[Slot],
    limits: Limits,
    places: dict[str, str],
    *,
    isolated: bool,
    locks_answered: bool,
) -> None:
    """Fork a run for each message until the launcher is gone or has no more. Does not return in a run either.

    places: mount → path of the host's, for those mounts that could not be made. isolated, locks_answered: as
    `Isolation` takes them.

    Messages in: `{"slot", "run"}` with the run's ends of its four pipes, and the program that it is to become, if any.
    Messages out: first `{"ready"}`, or `{"failed"}` with the reason, and it returns. Then `{"slot", "run", "pid"}`, or
    `"error"` in place of the pid.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    _be_first_to_go()
    try:
        runtime = importlib.import_module(module)
        data_bytes = getattr(runtime, "DATA_BYTES", 0)
        prepared = isolation.Isolation(limits, isolated=isolated, locks_answered=locks_answered, data_bytes=data_bytes)
        _warm_up(runtime, prepared, limits, places)
    except BaseException as error:  # SystemExit as well: whatever it is, this zygote is of no use
        channel.send(sock, {"failed": describe(error)})
        return
    channel.send(sock, {"ready": True})
    while True:
        try:
            message, descriptors = channel.receive(sock)
        except channel.Closed:
            return
        slot = slots[message["slot"]]
        answer: dict[str, Any] = {"slot": slot.index, "run": message["run"]}
        try:
            if not descriptors:
                raise channel.no_room()
            pid = prepared.fork(slot)
            if pid == 0:
                _run(prepared, slot, limits.open_files, descriptors, runtime.run)
            answer["pid"] = pid
        except OSError as error:
            answer["error"] = str(error)
        for fd in descriptors:
            os.close(fd)
        channel.send(sock, answer)


def describe(error: BaseException) -> str:
    """Return the last line of an exception's traceback, for the server to tell."""
    try:
        message = str(error)
    except Exception:  # an exception's own code
        message = ""
    return channel.reason(f"{type(error).__name__}: {message}")


def _warm_up(runtime: ModuleType, prepared: isolation.Isolation, limits: Limits, places: dict[str, str]) -> None:
    """Limit this process as its runs will be, and let the module preload. Raises whatever the module raises."""
    prepared.prepare()
    os.nice(5)  # forking ahead must not be in the way of calls under way; inherited where there is no cpu cgroup
    runtime.preload(limits, places)
    gc.collect()
    gc.freeze()  # or the first collection in each run would copy every page of what was just imported


def _be_first_to_go() -> None:
    """Make runs, which inherit it, the kernel's first choice when the host is out of memory."""
    dumpable = syscalls.prctl(syscalls.PR_GET_DUMPABLE)
    # The launcher's change of identity has made /proc/self root's.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, int(dumpable == 1))


def _run(
    prepared: isolation.Isolation, slot: Slot, open_files: int, descriptors: list[int], main: Callable[[], None]
) -> NoReturn:
    """Be a run. Never returns into the loop above, whatever happens: this process will have held a user's code."""
    stderr = descriptors[1]
    try:
        prepared.enter(slot)
        # Ignored since supervisor.py, and so they would be in every program that the run starts. Not earlier: a zygote
        # must not end by a signal that a terminal or a service manager sends to all that belongs to the server.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        isolation.wire(descriptors, open_files)
        stderr = 2
        main()
    except OSError as error:
        # The run could not be isolated, or no program started: say so on its error output; there is no result.
        os.write(stderr, f"sandbox: {error}\n".encode())
    finally:
        os._exit(70)
