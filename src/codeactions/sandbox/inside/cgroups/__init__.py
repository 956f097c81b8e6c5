"""Control groups of the slots: memory, process and CPU limits that hold whatever a run does.

Both versions are spoken, because hosts differ (cgroups(7)): v1 and v2 make the groups, tree is what a launcher and its
slots have of them. Only the version that the host has is imported: every module costs each run a few pages.
"""

from __future__ import annotations

import os

from codeactions.sandbox.inside.cgroups.tree import CgroupTree, SlotGroup, read

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from codeactions.sandbox.config import Limits

__all__ = ["CgroupTree", "SlotGroup", "controller_folders", "create", "enter_launcher_group", "hand_over"]


def create(limits: Limits, slots: int) -> CgroupTree:
    """Make the groups, or an empty tree whose `reason` says why this host gives none."""
    tree = CgroupTree()
    try:
        folders = controller_folders()
        if "unified" in folders and not {"memory", "pids"} & set(folders):
            from codeactions.sandbox.inside.cgroups import v2

            v2.create(tree, folders["unified"], limits, slots)
        elif {"memory", "pids"} & set(folders):
            from codeactions.sandbox.inside.cgroups import v1

            v1.create(tree, folders, limits, slots)
        else:
            tree.reason = "no cgroup file system is mounted"
    except OSError as error:
        tree.remove()
        return CgroupTree(reason=f"{error.strerror}: {error.filename}" if error.filename else str(error))
    return tree


def controller_folders() -> dict[str, str]:
    """Return where this process is in each hierarchy: controller name (or `unified`) → its folder."""
    own: dict[str, str] = {}
    for line in read("/proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(",") if names else ["unified"]:
            own[name] = path
    found: dict[str, str] = {}
    for line in read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, point = before.split()[:5]
        kind, _, options = after.split()[:3]
        for name in ["unified"] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []:
            if name in own and name not in found:
                # Inside a container the mount may show only a part of the hierarchy (its root field).
                inside = os.path.relpath(own[name], root) if own[name].startswith(root) else "."
                found[name] = os.path.normpath(os.path.join(point, inside))
    return found


def hand_over(tree: CgroupTree, uid: int) -> None:
    """Let the launcher, which runs as `uid`, put its children into the slots' groups. Raises `OSError`."""
    if tree.version == "v2":  # v1 goes by the descriptors' opener
        from codeactions.sandbox.inside.cgroups import v2

        v2.hand_over(tree, uid)


def enter_launcher_group(tree: CgroupTree, pid: int) -> None:
    """Put the launcher into its own group of the tree, where there is one. Raises `OSError`."""
    if tree.version == "v2":
        from codeactions.sandbox.inside.cgroups import v2

        v2.enter_launcher_group(tree, pid)
