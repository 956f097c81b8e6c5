"""Most hosts have cgroup v2 only; the machines these tests were written on have the controllers on v1.

In a mount namespace of its own, from which the v1 hierarchies are unmounted, the program finds v2 alone. Where v2
has no controllers there, runs must still be born in their slot's group (clone3, CLONE_INTO_CGROUP).
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from codeactions.sandbox import cgroups

ALONE = """
import asyncio, json, os, pathlib, subprocess
for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
    before, _, after = line.partition(" - ")
    if after.split()[0] == "cgroup":
        subprocess.run(["umount", before.split()[4]], check=True)
from codeactions.cli.settings import read_settings
from codeactions.sandbox.pool import SandboxPool

async def main():
    settings = read_settings(languages="python")
    pool = SandboxPool(settings.launcher(settings.catalogue(), slots=2), warm={"python": 2})
    level = await pool.start()
    guard = pool.launcher_pid
    (launcher,) = pathlib.Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
    groups = []
    for _ in range(100):
        children = pathlib.Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
        groups = [pathlib.Path(f"/proc/{child}/cgroup").read_text() for child in children]
        if len(groups) == 3:
            break
        await asyncio.sleep(0.05)
    await pool.stop()
    print(json.dumps({"version": level.cgroup, "groups": groups}))

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="unmounting the v1 hierarchies needs root")
@pytest.mark.skipif("unified" not in cgroups.controller_folders(), reason="this host mounts no cgroup v2")
def test_runs_are_born_in_their_slots_group() -> None:
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", textwrap.dedent(ALONE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"] == "v2"
    unified = [next(line for line in group.splitlines() if line.startswith("0::")) for group in found["groups"]]
    assert sorted(line.rpartition("/")[2] for line in unified) == ["launcher", "slot-0", "slot-1"]
    trees = {line.split("/")[-2] for line in unified}
    assert len(trees) == 1
    left = [path for path in Path(cgroups.controller_folders()["unified"]).glob("codeactions-*") if path.name in trees]
    assert left == []
