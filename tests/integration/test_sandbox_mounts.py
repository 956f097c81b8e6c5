"""What each zygote's runs see of the host, and cannot change."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sandboxes import (
    LOOK,
    WORKER,
    library,
    module,
    pool,
    refused,
    returned,
    run,
)

from codeactions.sandbox.config import ZygoteSpec
from codeactions.sandbox.server.pool import SandboxPool

__all__ = ["library", "module", "pool"]  # fixtures


async def test_each_zygotes_runs_see_its_own_mounts_and_no_others(
    pool: SandboxPool, library: Callable[..., str]
) -> None:
    one, other = library("one", "first"), library("other", "second")  # which the launcher has not seen at its start
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": one}))
    await pool.open_zygote(ZygoteSpec("other", WORKER, {"/libraries/b": other, "/libraries/c": one}))
    assert pool.ready_zygotes == {"python", "one", "other"}
    assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "first"}
    assert await returned(pool, "other", LOOK) == {"/libraries": ["b", "c"], "b": "second", "c": "first"}
    assert await returned(pool, "python", LOOK) == {"/libraries": None}
    mounts = "def Run(engine):\n    return open('/proc/self/mountinfo').read()\n"
    for name in ("python", "other"):
        outcome = await run(await pool.acquire(name, 10.0, 10), mounts)
        assert outcome.answer is not None
        assert b"/libraries/a" not in outcome.answer.body


ATTACK = """
import os
def attempt(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.strerror
def Run(engine):
    flags = os.statvfs("/libraries/a").f_flag
    return {
        "write": attempt(open, "/libraries/a/file", "w"),
        "create": attempt(open, "/libraries/a/new", "w"),
        "beside": attempt(os.mkdir, "/libraries/b"),
        "remove": attempt(os.unlink, "/libraries/a/file"),
        "flags": [bool(flags & getattr(os, name)) for name in ("ST_RDONLY", "ST_NOSUID", "ST_NODEV")],
    }
"""


async def test_a_mount_cannot_be_written_and_has_no_devices_or_other_identities(
    pool: SandboxPool, library: Callable[..., str]
) -> None:
    folder = library("open to all")
    os.chmod(folder, 0o777)
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": folder}))
    assert await returned(pool, "one", ATTACK) == {
        **dict.fromkeys(("write", "create", "beside", "remove"), "Read-only file system"),
        "flags": [True, True, True],
    }


# The kernel locks them: a library that the zygote imports has the rights of the launcher's namespace.
@pytest.mark.parametrize(
    "attempt",
    [
        "syscalls.mount(b'none', b'/libraries/a', flags=0x20 | 0x1000)",  # MS_REMOUNT | MS_BIND: to be written
        "syscalls.unmount('/libraries/a')",
        "syscalls.mount(b'none', b'/', flags=0x20 | 0x1000)",
    ],
    ids=["writable", "away", "writable root"],
)
async def test_not_even_the_zygote_can_change_its_mounts(
    pool: SandboxPool, library: Callable[..., str], module: Callable[[str], dict[str, str]], attempt: str
) -> None:
    mounts = module(f"from codeactions.sandbox.inside import syscalls\n    {attempt}")
    spec = ZygoteSpec("hostile", "own_module", {**mounts, "/libraries/a": library("a")})
    message = await refused(pool.open_zygote(spec))
    assert "PermissionError" in message or "Invalid argument" in message


async def test_a_folder_that_goes_stays_mounted(pool: SandboxPool, library: Callable[..., str]) -> None:
    folder = library("short-lived")
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": folder}))
    os.rename(folder, f"{folder}-moved")
    assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "content"}


async def test_a_mount_of_what_is_not_there_is_a_clear_error(pool: SandboxPool, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    message = await refused(pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": missing})))
    assert message.startswith("the one zygote cannot start: ")
    assert "No such file or directory" in message
    assert missing in message


@pytest.mark.parametrize("place", ["libraries", "/", "/libraries/../etc", "/libraries/", "//libraries", ""])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="no place for a mount"):
        ZygoteSpec("one", WORKER, {place: "/usr"})
