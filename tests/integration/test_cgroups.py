"""Groups on the host's own hierarchies, whatever version they are, and on an imitation of what this host has not."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codeactions.sandbox.config import Limits
from codeactions.sandbox.inside import cgroups
from codeactions.sandbox.inside.cgroups import tree, v2


def reason_for_none() -> str:
    """Make groups and remove them; why this host gives none, "" if it does."""
    made = cgroups.create(Limits(), 1)
    assert bool(made.slots) != bool(made.reason)
    made.remove()
    return made.reason


@pytest.fixture(autouse=True)
def no_descriptor_stays() -> Iterator[None]:
    """Each test removes the groups that it makes, and a removed or failed tree leaves no descriptor open."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


# Each looks for trees that nobody holds, and must not find one that is just being made.
def test_launchers_that_start_at_once_leave_each_other_their_groups() -> None:
    if reason := reason_for_none():
        pytest.skip(f"this host gives no groups: {reason}")
    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(lambda _: reason_for_none(), range(200))} == {""}


# Any process that can read the folder can lock it.
def test_a_lock_that_another_process_holds_delays_a_start_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "_PATIENCE", 0.05)
    expected = reason_for_none()
    folders = [os.open(folder, os.O_RDONLY) for folder in {*cgroups.controller_folders().values()}]
    try:
        for folder in folders:
            fcntl.flock(folder, fcntl.LOCK_EX)
        assert reason_for_none() == expected
    finally:
        for folder in folders:
            os.close(folder)


@pytest.fixture
def unified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An imitation of cgroup v2 with its controllers, in the root of which this process is."""
    make = os.mkdir

    def make_group(path: str, *rest: Any, **more: Any) -> None:
        make(path, *rest, **more)
        if path.startswith(str(tmp_path)):
            Path(path, "cgroup.controllers").write_text("memory pids\n")
            Path(path, "cgroup.procs").write_text("")
            Path(path, "memory.events").write_text("oom_kill 0\n")
            Path(path, "memory.peak").write_text("7340032\n")

    monkeypatch.setattr(os, "mkdir", make_group)
    root = tmp_path / "root"
    os.mkdir(str(root))
    monkeypatch.setattr(cgroups, "controller_folders", lambda: {"unified": str(root)})
    return root


# Linux 5.19 to 6.11: for an ordinary user memory.peak does not open to be written, and for root each write fails.
@pytest.mark.parametrize(("refused", "number"), [("open", errno.EACCES), ("pwrite", errno.EINVAL)])
def test_a_peak_that_cannot_be_set_back_is_not_told(
    unified: Path, monkeypatch: pytest.MonkeyPatch, refused: str, number: int
) -> None:
    allowed = getattr(os, refused)

    def refuse(file: str | int, *rest: Any, **more: Any) -> Any:
        path = file if isinstance(file, str) else os.readlink(f"/proc/self/fd/{file}")
        if path.endswith("/memory.peak"):
            raise OSError(number, os.strerror(number), path)
        return allowed(file, *rest, **more)

    monkeypatch.setattr(os, refused, refuse)
    made = cgroups.create(Limits(), 2)
    assert (made.reason, made.controllers) == ("", ("memory", "pids"))
    assert [slot.limits_memory for slot in made.slots] == [True, True]
    assert [slot.take_peak() for slot in made.slots] == [None, None]
    made.remove()


@pytest.mark.parametrize("refused", ["slot-1", "memory.max", "memory.events"])
def test_groups_that_cannot_all_be_made_leave_nothing(
    unified: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    allowed = v2.write, os.mkdir, os.open

    def refusing(call: Callable[..., Any]) -> Callable[..., Any]:
        def checked(path: str, *rest: Any, **more: Any) -> Any:
            if "slot-1" in str(path) and str(path).endswith(refused):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            return call(path, *rest, **more)

        return checked

    for owner, name, call in zip((v2, os, os), ("write", "mkdir", "open"), allowed, strict=True):
        monkeypatch.setattr(owner, name, refusing(call))
    made = cgroups.create(Limits(), 2)
    assert made.reason.startswith(os.strerror(errno.ENOSPC))
    assert made.slots == []


# What is left of a launcher is looked for in one folder only, and each level would have its own.
def test_a_launcher_started_where_an_earlier_one_has_moved_the_server_divides_the_same_group(
    unified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _busy_until_moved(monkeypatch, rounds=1)
    first = cgroups.create(Limits(), 1)
    (leaf,) = [path for path in unified.iterdir() if path.is_dir() and not path.name.startswith("codeactions-")]
    monkeypatch.setattr(cgroups, "controller_folders", lambda: {"unified": str(leaf)})
    second = cgroups.create(Limits(), 1)
    assert (first.reason, second.reason) == ("", "")
    assert [path for path in leaf.iterdir() if path.is_dir()] == []
    names = {name for made in (first, second) for _, name, _ in made.roots}
    assert {path.name for path in unified.iterdir() if path.is_dir()} == {leaf.name, *names}
    first.remove()
    second.remove()


# PostgreSQL forks all the time: what a process that is just being moved forks is still in the group.
def test_processes_forked_while_a_group_is_emptied_are_moved_as_well(
    unified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _busy_until_moved(monkeypatch, rounds=3)
    made = cgroups.create(Limits(), 1)
    assert made.reason == ""
    made.remove()


def _busy_until_moved(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    """As the kernel: no controllers below the root until its processes have been moved, here so many times."""
    write, left = v2.write, rounds
    move = v2._move_to_leaf

    def refuse(path: str, value: int | str) -> None:
        if left and path.endswith("/root/cgroup.subtree_control"):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
        write(path, value)

    def count(own: str) -> None:
        nonlocal left
        left -= 1
        move(own)

    monkeypatch.setattr(v2, "write", refuse)
    monkeypatch.setattr(v2, "_move_to_leaf", count)
