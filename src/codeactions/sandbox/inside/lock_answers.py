"""Answers to the question which lock is on a file (fcntl F_GETLK), for a run's own files alone.

SQLite asks it. On a file that all runs see, the answer would be a channel between two of them, and a filter of calls
cannot tell which file is meant. So the kernel hands the question over (seccomp_unotify(2)) to a process beside the
launcher. It asks in the run's place where the file is in the run's /tmp, and refuses otherwise.

It has to look at the very file that it asks about: a run could put another one in its place in between. Therefore it
takes a descriptor of it, and never lets the call of the run go on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import selectors
import signal
import struct

from codeactions.sandbox.inside import seccomp, syscalls

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import NoReturn

_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102  # SECCOMP_IOCTL_NOTIF_…
_QUESTION = struct.Struct("=QII8xQ6Q")  # struct seccomp_notif: id, thread, …, instruction, arguments
_ANSWER = struct.Struct("=QqiI")  # struct seccomp_notif_resp: id, result, error, flags
_LOCK = struct.Struct("hhqqi")  # struct flock: type, whence, start, length, process
# Asks for a descriptor's own sake. With F_GETLK, this process would ask itself.
_F_OFD_GETLK = 36
_LISTENER = 3  # where the process has the listener, and nothing above


class LockAnswers:
    """The process that answers, forked as soon as it is asked for the first time.

    listener: descriptor that is readable while a question waits. pid: of the process; None while there is none.
    """

    def __init__(self) -> None:
        """Put the caller and all that it forks from now on under a filter. Raises `OSError` where there is none."""
        self.listener = syscalls.Filter(seccomp.questions_about_locks()).listen()
        self.pid: int | None = None

    def wait(self, selector: selectors.BaseSelector) -> None:
        """Fork the process as soon as the next question comes."""
        self.pid = None
        selector.register(self.listener, selectors.EVENT_READ, lambda: self._start(selector))

    def _start(self, selector: selectors.BaseSelector) -> None:
        try:
            pid = os.fork()
        except OSError:  # too many processes just now; the question still waits, so the selector comes back at once
            return
        if pid == 0:
            _serve(self.listener)
        selector.unregister(self.listener)
        self.pid = pid


def _serve(listener: int) -> NoReturn:
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(10)  # a run that asks without end must not take the server's time
        os.dup2(listener, _LISTENER)
        syscalls.close_from(_LISTENER + 1)
        while True:
            with contextlib.suppress(OSError):  # the run died while it asked, or while it was answered
                _answer_next(_LISTENER)
    finally:
        os._exit(1)


def _answer_next(listener: int) -> None:
    question = bytearray(4096)  # more than a later kernel's struct has; it has to be zero
    fcntl.ioctl(listener, _RECEIVE, question)
    number, thread, _, _, *arguments = _QUESTION.unpack_from(question)
    try:
        error = 0
        _ask(listener, number, thread, arguments[0] & 0xFFFFFFFF, arguments[2])
    except OSError as failed:
        # A file of memory says EIO where there is none.
        error = errno.EFAULT if failed.errno == errno.EIO else failed.errno or errno.EPERM
    except (OverflowError, ValueError, struct.error):
        error = errno.EFAULT
    fcntl.ioctl(listener, _SEND, _ANSWER.pack(number, 0, -error, 0))


def _ask(listener: int, number: int, thread: int, descriptor: int, pointer: int) -> None:
    """Ask for the lock that is described at `pointer` in a thread's memory, and put the answer there."""
    process = _status(thread, "Tgid")
    with contextlib.ExitStack() as stack:
        pidfd = os.pidfd_open(process)
        stack.callback(os.close, pidfd)
        file = syscalls.get_descriptor(pidfd, descriptor)
        stack.callback(os.close, file)
        memory = os.open(f"/proc/{thread}/mem", os.O_RDWR | os.O_CLOEXEC)
        stack.callback(os.close, memory)
        own_files = os.stat(f"/proc/{thread}/root/tmp").st_dev
        fcntl.ioctl(listener, _IS_VALID, struct.pack("=Q", number))  # else all of these may be another process's
        if os.fstat(file).st_dev != own_files:
            raise PermissionError(errno.EPERM, "not a file of the run's own")
        kind, whence, start, length, _ = _LOCK.unpack(os.pread(memory, _LOCK.size, pointer))
        asked = _LOCK.pack(kind, whence, start, length, 0)
        found, whence, start, length, holder = _LOCK.unpack(fcntl.fcntl(file, _F_OFD_GETLK, asked))
        if found == fcntl.F_UNLCK or holder == process:  # a process is not in its own way
            answer = struct.pack("h", fcntl.F_UNLCK)
        else:
            answer = _LOCK.pack(found, whence, start, length, holder if holder < 0 else _status(holder, "NSpid"))
        os.pwrite(memory, answer, pointer)


def _status(process: int, field: str) -> int:
    """Return a number of /proc/…/status; of several the last one, which is what the innermost namespace knows."""
    with open(f"/proc/{process}/status") as file:
        return int(next(line for line in file if line.startswith(f"{field}:")).split()[-1])
