"""Most hosts have cgroup v2 only; the machines these tests were written on have the controllers on v1.

In a mount namespace of its own, from which the v1 hierarchies are unmounted, and in a group of its own, the program
finds v2 alone. Where v2 has no controllers there, runs must still be born in their slot's group (clone3,
CLONE_INTO_CGROUP). No host's mount options are changed: that of systemd, `nsdelegate`, is the whole hierarchy's. What
it asks for is looked at instead.
"""

import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ordinary_user
import pytest

from codeactions.sandbox.inside import cgroups

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="unmounting the v1 hierarchies needs root"),
    pytest.mark.skipif("unified" not in cgroups.controller_folders(), reason="this host mounts no cgroup v2"),
]

# Leaves v1, joins the group and becomes the rest of its arguments.
ENTER = """
import os, pathlib, subprocess, sys
for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
    before, _, after = line.partition(" - ")
    if after.split()[0] == "cgroup":
        subprocess.run(["umount", before.split()[4]], check=True)
pathlib.Path(sys.argv[1], "cgroup.procs").write_text("0")
os.execvp(sys.argv[2], sys.argv[2:])
"""
# Refuses what the kernel refuses where there are controllers: dividing a group that has processes of its own.
BUSY = """
import errno
from codeactions.sandbox.inside.cgroups import tree, v2
write = v2.write
def write_as_with_controllers(path, value):
    folder, _, name = path.rpartition("/")
    if name == "cgroup.subtree_control" and tree.read(folder + "/cgroup.procs"):
        raise OSError(errno.EBUSY, "it has processes", path)
    write(path, value)
v2.write = write_as_with_controllers
"""
# Two launchers, one after the other. Of each: which version, the groups of its launcher, zygote and warm runs as this
# program sees them and as the launcher does, and what a run reads of its own.
LAUNCHERS = """
import asyncio, json, os, pathlib, subprocess, sys
from codeactions.node.settings import read_settings
from codeactions.domain.ids import new_id
from codeactions.domain.job import Job
from codeactions.execution.local import LocalExecutor
from codeactions.sandbox.server import launcher_process as process
from codeactions.sandbox.server.pool import SandboxPool

before = "from codeactions.sandbox.inside.supervisor"
first = repr(sys.argv[1]).replace("{", "{{").replace("}", "}}")
process._PROGRAM = process._PROGRAM.replace(before, f"exec({first}); {before}")
source = "def Run(engine):\\n    return open('/proc/self/cgroup').read()\\n"

def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

def v2(text):
    return [line for line in text.splitlines() if line.startswith("0::")]

async def seen():
    settings = read_settings(languages="python")
    pool = SandboxPool(settings.launcher(settings.registry(), slots=2), warm={"python": 2})
    level = await pool.start()
    (launcher,) = children(pool.launcher_pid)
    for _ in range(200):
        if len(children(launcher)) == 3:
            break
        await asyncio.sleep(0.05)
    show = ["cat", *(f"/proc/{pid}/cgroup" for pid in (launcher, *children(launcher)))]
    enter = ["nsenter", "--target", launcher, "--cgroup"] if os.geteuid() == 0 else []
    groups, by_launcher = (subprocess.check_output([*way, *show], text=True) for way in ([], enter))
    executor = LocalExecutor(pool, settings.registry(), None)
    execution = await executor.start(Job(id=new_id(), language="python", source=source, timeout=10))
    outcome = await execution.outcome()
    await pool.stop()
    read = outcome.answer.body.decode() if outcome.answer else repr(outcome)
    return {"version": level.cgroup, "groups": v2(groups), "by launcher": v2(by_launcher), "read": read}

async def main():
    print(json.dumps([await seen(), await seen()]))

asyncio.run(main())
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """A group below the host's, as a service manager makes one for a server."""
    path = Path(tempfile.mkdtemp(prefix="test-", dir=cgroups.controller_folders()["unified"]))
    yield path
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)


def launchers(group: Path, user: list[str], first: str) -> list[dict[str, Any]]:
    """What LAUNCHERS tells when its supervisors execute `first` before anything else."""
    enter = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", ENTER, str(group)]
    command = [*enter, *user, sys.executable, "-c", LAUNCHERS, first]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("first", ["", BUSY], ids=["no controllers", "controllers"])
@pytest.mark.parametrize("user", ["root", "an ordinary user"])
def test_runs_are_born_in_their_slots_group(group: Path, tmp_path: Path, user: str, first: str) -> None:
    become = []
    if user != "root":  # what systemd's Delegate=yes does
        for path in (group, *(group / f"cgroup.{name}" for name in ("procs", "subtree_control", "threads"))):
            os.chown(path, pwd.getpwnam(ordinary_user.USER).pw_uid, -1)
        become = [sys.executable, ordinary_user.__file__, str(tmp_path)]
    for found in launchers(group, become, first):
        assert found["version"] == "v2"
        trees = {line.rpartition("/")[0] for line in found["groups"]}
        assert [os.path.dirname(tree) for tree in trees] == [f"0::/{group.name}"]  # never deeper
        assert sorted(line.rpartition("/")[2] for line in found["groups"]) == [
            "launcher",
            "launcher",
            "slot-0",
            "slot-1",
        ]
        # With `nsdelegate` no process may be put into a group that is outside the namespace of whoever does it.
        assert [line for line in found["by launcher"] if "/.." in line] == []
        assert {line.rpartition(":")[2] for line in found["read"].splitlines()} == {"/"}
    assert [path.name for path in group.iterdir() if path.is_dir()] == (["codeactions.server"] if first else [])
