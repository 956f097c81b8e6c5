"""A terminal for the programs under test."""

import contextlib
import os
import pty
import select
import sys
import threading

from harness import wait_until

# What follows it runs with a terminal of its own, which is the standard input's.
WITH_TERMINAL = [sys.executable, "-c", "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"]


class Terminal:
    """A terminal on which a process writes, and what was seen there."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._seen = bytearray()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        os.close(self.slave)
        os.close(self._master)

    @property
    def seen(self) -> str:
        """As it came, with the terminal's own line ends."""
        return self._seen.decode()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str, seconds: float = 20) -> None:
        wait_until(lambda: text in self.seen, seconds, f"{text!r} on the terminal")

    def _read(self) -> None:
        output = select.poll()
        output.register(self._master, select.POLLIN)
        while not self._ended.is_set():
            if output.poll(50):
                with contextlib.suppress(OSError):
                    self._seen += os.read(self._master, 65536)
