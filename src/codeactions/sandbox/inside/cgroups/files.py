"""Files and folders of cgroup file systems."""

from __future__ import annotations

import os


def read(path: str) -> str:
    """Return the whole content of a file."""
    with open(path) as file:
        return file.read()


def write(path: str, value: int | str) -> None:
    """Write a value to a file."""
    with open(path, "w") as file:
        file.write(str(value))


def write_at(folder: int, name: str, value: int) -> None:
    """Write a value to a file of an open folder."""
    fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


def open_folder(path: str) -> int:
    """Return a descriptor of a folder."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_to_write(path: str) -> int:
    """Return a descriptor that a file can be written with."""
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC)


def open_peak(path: str) -> int:
    """Open the file of a group's peak; -1 unless it can be set back, or a run would be given an earlier run's peak."""
    try:
        peak = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # since Linux 5.19; writable since 6.12
    except OSError:
        return -1
    try:
        os.pwrite(peak, b"0", 0)
    except OSError:
        os.close(peak)
        return -1
    return peak
