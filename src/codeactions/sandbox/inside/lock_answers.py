"""Answers to the question which lock is on a file (fcntl F_GETLK), for a run's own files alone.

SQLite asks it. On a file that all runs see, the answer would be a channel between two of them, and a filter of calls
cannot tell which file is meant. So the kernel hands the question over (seccomp_unotify(2)) to a process beside the
launcher. It asks in the run's place where the file is in the run's /tmp, and refuses otherwise.

It has to look at the very file that it asks about: a run could put another one in its place in between. Therefore it
takes a descriptor of it, and never lets the call of the run go on.

A run can make the answer to its own questions take long: with memory that is being changed, with a hundred thousand
locks, with a socket in the file's place whose last descriptor is then the one here, so that closing it waits for the
other side. So each run has a thread of its own here, while it asks, and waits for its own questions only.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import fcntl
import os
import selectors
import signal
import struct

from codeactions.sandbox.inside import held_locks, seccomp, syscalls

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import NoReturn

_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102  # SECCOMP_IOCTL_NOTIF_…
_QUESTION = struct.Struct("=QII8xQ6Q")  # struct seccomp_notif: id, thread, …, instruction, arguments
# More than a later kernel's struct has. With one byte more, Python would keep the other threads waiting meanwhile.
_QUESTION_BYTES = 1024
_ANSWER = struct.Struct("=QqiI")  # struct seccomp_notif_resp: id, result, error, flags
_LISTENER = 3  # where the process has the listener, and nothing above
_MOST_WAITING = 1000  # questions of one run; a signal takes one back, and its thread may ask again at once
_STACK_BYTES = 256 * 1024

_Question = tuple[int, int, int, int]  # its id, the thread that asks, the descriptor, the address of the lock


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
        _thread.stack_size(_STACK_BYTES)
        questions = _Questions(_LISTENER)
        while True:
            with contextlib.suppress(OSError):  # the run died while it asked
                questions.take()
    finally:
        os._exit(1)


class _Questions:
    """The questions that wait, by run."""

    def __init__(self, listener: int) -> None:
        self._listener = listener
        self._waiting: dict[int, list[_Question]] = {}  # device of a run's /tmp → questions; none without a thread
        self._lock = _thread.allocate_lock()

    def take(self) -> None:
        """Wait for the next question, and give it to its run's thread. Nothing here waits for a run."""
        fcntl.ioctl(self._listener, _RECEIVE, received := bytearray(_QUESTION_BYTES))
        number, thread, _, _, descriptor, _, pointer, *_ = _QUESTION.unpack_from(received)
        try:
            run = _own_files(thread)
        except OSError as failed:  # the thread died, nearly always
            self._send(number, failed.errno or errno.EPERM)
            return
        with self._lock:
            waiting = self._waiting.setdefault(run, [])
            before = len(waiting)
            if before < _MOST_WAITING:
                waiting.append((number, thread, descriptor & 0xFFFFFFFF, pointer))
        if before == _MOST_WAITING:
            self._send(number, errno.ENOLCK)
        elif before == 0:
            try:
                _thread.start_new_thread(self._answer_all, (run,))
            except RuntimeError:  # too many just now
                del self._waiting[run]
                self._send(number, errno.ENOLCK)

    def _answer_all(self, run: int) -> None:
        """Answer a run's questions until none waits. The one that is being answered stays in the list."""
        waiting = self._waiting[run]
        while True:
            with contextlib.suppress(OSError):  # the run died meanwhile
                self._send(waiting[0][0], self._answer(waiting[0]))
            with self._lock:
                del waiting[0]
                if not waiting:
                    del self._waiting[run]
                    return

    def _answer(self, question: _Question) -> int:
        """Answer a question in the memory of the run; returns the errno, or 0."""
        try:
            _ask(self._listener, *question)
        except OSError as failed:
            # A file of memory says EIO where there is none.
            return errno.EFAULT if failed.errno == errno.EIO else failed.errno or errno.EPERM
        except Exception:  # whatever it was, the run must not wait for ever
            return errno.EFAULT
        return 0

    def _send(self, number: int, error: int) -> None:
        fcntl.ioctl(self._listener, _SEND, _ANSWER.pack(number, 0, -error, 0))


def _ask(listener: int, number: int, thread: int, descriptor: int, pointer: int) -> None:
    """Ask for the lock that is described at `pointer` in a thread's memory, and put the answer there."""
    process = _status(thread, b"Tgid")
    with contextlib.ExitStack() as stack:
        pidfd = os.pidfd_open(process)
        stack.callback(os.close, pidfd)
        file = syscalls.get_descriptor(pidfd, descriptor)
        stack.callback(os.close, file)
        memory = os.open(f"/proc/{thread}/mem", os.O_RDWR | os.O_CLOEXEC)
        stack.callback(os.close, memory)
        own_files = _own_files(thread)
        fcntl.ioctl(listener, _IS_VALID, struct.pack("=Q", number))  # else all of these may be another process's
        if os.fstat(file).st_dev != own_files:
            raise PermissionError(errno.EPERM, "not a file of the run's own")
        asked = os.pread(memory, held_locks.LOCK.size, pointer)
        os.pwrite(memory, _held(file, asked, process), pointer)


def _held(file: int, asked: bytes, process: int) -> bytes:
    """Return what the kernel writes over the question: the lock in the way, or only that there is none."""
    while (found := held_locks.in_the_way(file, asked, process)) is not None:
        kind, start, length, holder = found
        try:
            inside = holder if holder < 0 else _status(holder, b"NSpid")
        except (FileNotFoundError, ProcessLookupError):  # it has just ended, and its locks with it
            continue
        return held_locks.LOCK.pack(kind, os.SEEK_SET, start, length, inside)
    return struct.pack("h", fcntl.F_UNLCK)


def _own_files(thread: int) -> int:
    """Return the device of the /tmp that a thread sees, which is its run's alone."""
    return os.stat(f"/proc/{thread}/root/tmp").st_dev


def _status(process: int, field: bytes) -> int:
    """Return a number of /proc/…/status; of several the last one, which is what the innermost namespace knows."""
    with open(f"/proc/{process}/status", "rb") as file:  # its name, which comes first, may be any bytes
        return int(next(line for line in file if line.startswith(field + b":")).split()[-1])
