"""Artifacts: what builds made, by a hash of all that went in. On disk, bounded, and built again if missing."""

import collections
import contextlib
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cachetools import LRUCache

from codeactions.domain.errors import Error, ErrorCode

_MOST_IN_MEMORY = 32 * 1024 * 1024  # bytes
_MOST_IN_PROGRAMS = 256 * 1024 * 1024  # bytes
_USED_EVERY = 3600.0  # seconds between two notes that something was used
_SUFFIX = ".new"
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class ArtifactStore:
    """A folder of artifacts. When they are over `most_bytes` in all, those that were used longest ago are deleted.

    clock: gives seconds since 1970. Several servers may share a folder: a file is complete when it has its name.
    Methods may be called in any thread: large programs are read and sealed beside the event loop.
    """

    def __init__(self, folder: Path, most_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._clock = clock
        self._kept: LRUCache[str, bytes] = LRUCache(_MOST_IN_MEMORY, getsizeof=len)
        self._programs: collections.OrderedDict[str, tuple[int, int]] = collections.OrderedDict()
        self._noted: dict[str, float] = {}  # key → when its file was told that it was used
        self._lock = threading.Lock()  # over what is in memory; never held while a file is read

    def __repr__(self) -> str:
        return f"<ArtifactStore {self._folder}, {len(self._kept)} in memory>"

    @staticmethod
    def key(fingerprint: str, source: str) -> str:
        """Return the name of what a runtime with this fingerprint makes of a source: 64 hexadecimal digits."""
        return hashlib.sha256(f"{fingerprint}\0{source}".encode()).hexdigest()

    def read(self, key: str) -> bytes | None:
        """Return an artifact's bytes; None if it is not there. Blocks while it reads the file."""
        with self._lock:
            content = self._kept.get(key)
            if content is not None:
                self._note_use(key)
                return content
        path = self._folder / key
        try:
            with open(path, "rb") as file:
                content = file.read()
                used = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        with self._lock:
            self._noted[key] = used
            self._note_use(key)
        self._keep(key, content)
        return content

    def program(self, key: str) -> int | None:
        """Return a descriptor of an artifact to be executed, which the caller closes; None if it is not there.

        The descriptor is of a sealed copy in memory. Without root a run has the server's own user id, and could
        otherwise write to the file that all later runs become. Nor does the copy tell where the file is. Blocks, unless
        `has_program`.
        """
        with self._lock:
            if key in self._programs:
                return self._take(key)
        content = self.read(key)
        if content is None:
            return None
        sealed = _sealed(content)
        with self._lock:
            if key in self._programs:  # another thread has read it at the same time
                os.close(sealed)
            else:
                self._programs[key] = sealed, len(content)
            while len(self._programs) > 1 and sum(size for _, size in self._programs.values()) > _MOST_IN_PROGRAMS:
                _, (dropped, _) = self._programs.popitem(last=False)
                os.close(dropped)
            return self._take(key)

    def has(self, key: str) -> bool:
        """Return whether an artifact is there, in memory or on disk."""
        return key in self._kept or key in self._programs or (self._folder / key).exists()

    def has_program(self, key: str) -> bool:
        """Return whether `program` need not read anything."""
        return key in self._programs

    def close(self) -> None:
        """Close the programs."""
        with self._lock:
            while self._programs:
                _, (descriptor, _) = self._programs.popitem()
                os.close(descriptor)

    def put(self, key: str, content: bytes) -> None:
        """Keep an artifact, and delete others to make room. Blocks. Raises `Error` (internal) if it cannot be kept."""
        path = self._folder / (key + _SUFFIX + os.urandom(4).hex())
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._collect(len(content))
            with open(path, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            path.rename(self._folder / key)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink()
            reason = f"what was built cannot be kept in {self._folder}: {error.strerror}"
            raise Error(ErrorCode.INTERNAL, reason) from None

    def _collect(self, coming: int) -> None:
        now = self._clock()
        found: list[tuple[float, int, str]] = []
        for entry in os.scandir(self._folder):
            with contextlib.suppress(FileNotFoundError):  # another put has just renamed or deleted it
                found.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
        size = coming + sum(bytes_ for _, bytes_, _ in found)
        for used, bytes_, path in sorted(found):
            # A young file without its name will soon get it. An old one was left by a server that was killed.
            half_made = _SUFFIX in os.path.basename(path)
            if now - used > _USED_EVERY if half_made else size > self._most_bytes:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                size -= bytes_
        with self._lock:  # a use noted that long ago would be noted again in any case
            self._noted = {key: used for key, used in self._noted.items() if now - used <= _USED_EVERY}

    def _note_use(self, key: str) -> None:
        """Set the time of an artifact's file, for `_collect`, at most once an hour. The lock is held."""
        now = self._clock()
        if now - self._noted.get(key, 0.0) > _USED_EVERY:
            self._noted[key] = now
            with contextlib.suppress(OSError):
                os.utime(self._folder / key, (now, now))

    def _keep(self, key: str, content: bytes) -> None:
        if len(content) > _MOST_IN_MEMORY // 4:
            return
        with self._lock:
            self._kept[key] = content

    def _take(self, key: str) -> int:
        """Return a program's descriptor for one more run, as it was at first.

        In spite of the seals the owner of a file may change its mode, times and attributes, and without root every run
        is the owner.
        """
        self._programs.move_to_end(key)
        self._note_use(key)
        descriptor, _ = self._programs[key]
        os.fchmod(descriptor, 0o555)
        os.utime(descriptor, (0, 0))
        for name in os.listxattr(descriptor):
            os.removexattr(descriptor, name)
        return os.dup(descriptor)


def _sealed(content: bytes) -> int:
    """Return a descriptor, for reading, of a file in memory that cannot be changed any more."""
    writing = os.memfd_create("program", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(writing, "wb", closefd=False) as file:
            file.write(content)
        fcntl.fcntl(writing, fcntl.F_ADD_SEALS, _SEALS)
        return os.open(f"/proc/self/fd/{writing}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writing)
