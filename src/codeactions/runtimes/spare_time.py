"""Become another program that gives way to all else: `python spare_time.py SERVER EFFORT PROGRAM …`.

A program of the server's own for long work in the background, such as a compiler. It ends with the server, whose
process id is SERVER, and makes files that a run's user can read. It imports the standard library alone, since it is
started as a file.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time

# How much the work may take. SPARE: what is left of one core when nothing else wants it. ONE_CORE: a small share of one
# core. ALL_CORES: the same of each, for work that a person waits for and no calls are near.
SPARE, ONE_CORE, ALL_CORES = "spare", "one-core", "all-cores"
_PR_SET_PDEATHSIG = 1
_TRIES, _AGAIN_SECONDS = 10, 0.1
_NICE = 5  # as sandboxes are: less than the server and the database, which a call waits for


def give_way(effort: str) -> None:
    """Lower this process and all that it starts. What a host does not allow is left as it is.

    The idle policy is more than the lowest nice value: its processes make room at once, in the middle of their turn.
    """
    with contextlib.suppress(OSError):
        os.nice(19 if effort == SPARE else _NICE)
    # Where the kernel groups processes by session, it compares the groups and not the processes.
    _lower_the_session(19 if effort == SPARE else _NICE)
    if effort != ALL_CORES:
        with contextlib.suppress(OSError):
            # One and always the same: a server's other processes have the others to themselves.
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if effort == SPARE:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # disks follow: idle, too


def _lower_the_session(nice: int) -> None:
    for _ in range(_TRIES):
        try:
            with open("/proc/self/autogroup", "w") as file:
                file.write(str(nice))
            return
        except BlockingIOError:  # an ordinary user may do it ten times a second
            time.sleep(_AGAIN_SECONDS)
        except OSError:
            return


def main(arguments: list[str]) -> None:
    """Become the program. Exits with 1 if the server is gone already."""
    server, effort, *command = arguments
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(server):
        sys.exit(1)
    os.umask(0o022)
    give_way(effort)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
