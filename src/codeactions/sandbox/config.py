"""What the launcher is told once, when it starts: plain data that crosses a socket as JSON."""

import json


class Limits:
    """What one run may use. Sizes are bytes."""

    __slots__ = ("memory_bytes", "open_files", "processes", "tmp_bytes")

    def __init__(
        self,
        *,
        memory_bytes: int = 256 * 1024 * 1024,
        processes: int = 64,
        tmp_bytes: int = 64 * 1024 * 1024,
        open_files: int = 256,
    ) -> None:
        self.memory_bytes = memory_bytes
        self.processes = processes
        self.tmp_bytes = tmp_bytes
        self.open_files = open_files


class LauncherConfig:
    """How many slots there are, what their runs see and use, and which zygotes are kept warm.

    exposed: host paths that runs see read-only, at the same place.
    mounts: places where runs see something of the host's, read-only: place → host path. What is mounted below /tmp
        or /proc is covered by a run's own.
    hidden: folders inside `exposed` that runs see empty.
    zygotes: name → module with `preload(limits, places)`, called once, and `run()`, called in each run. `places`
        says where mounts really are that are not at their place. What the module's
        programs need of their own before a user's code has anything it says in `DATA_BYTES`.
    modules: further modules that the zygotes use, imported with the zygotes' own while their files can be seen.
    modules_in: folders that the modules may be in, beside the one that this package is in.
    insecure: no walls at all; for hosts that offer none, and only when asked for.
    """

    __slots__ = ("exposed", "hidden", "insecure", "limits", "modules", "modules_in", "mounts", "slots", "zygotes")

    def __init__(
        self,
        *,
        slots: int = 64,
        limits: Limits | None = None,
        exposed: tuple[str, ...] = (),
        hidden: tuple[str, ...] = (),
        mounts: dict[str, str] | None = None,
        zygotes: dict[str, str] | None = None,
        modules: tuple[str, ...] = (),
        modules_in: tuple[str, ...] = (),
        insecure: bool = False,
    ) -> None:
        self.slots = slots
        self.limits = limits or Limits()
        self.exposed = exposed
        self.hidden = hidden
        self.mounts = mounts or {}
        self.zygotes = zygotes or {}
        self.modules = modules
        self.modules_in = modules_in
        self.insecure = insecure

    def to_json(self) -> bytes:
        """The configuration as it crosses the socket."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["limits"] = {name: getattr(self.limits, name) for name in Limits.__slots__}
        return json.dumps(values).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "LauncherConfig":
        """The reverse of `to_json`."""
        values = json.loads(data)
        values["limits"] = Limits(**values["limits"])
        for name in ("exposed", "hidden", "modules", "modules_in"):
            values[name] = tuple(values[name])
        return cls(**values)


class Level:
    """Which walls a launcher really put up; shown by `/health` and `codeactions doctor`.

    namespaces: user, pid, mount, ipc, uts and network namespaces and a pivoted root.
    cgroup: "v1", "v2" or "none"; with "none" memory and processes are limited by rlimits alone.
    host_uids: "per slot" (started as root), else "own": runs have the server's uid, in a namespace.
    """

    __slots__ = ("cgroup", "controllers", "host_uids", "namespaces", "seccomp")

    def __init__(
        self, *, namespaces: bool, seccomp: bool, cgroup: str, controllers: tuple[str, ...], host_uids: str
    ) -> None:
        self.namespaces = namespaces
        self.seccomp = seccomp
        self.cgroup = cgroup
        self.controllers = tuple(controllers)
        self.host_uids = host_uids

    def to_object(self) -> dict[str, object]:
        """The level as JSON values; `Level(**…)` is the reverse."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"<Level {self.name}: {self.to_object()}>"

    @property
    def name(self) -> str:
        """`full`, `reduced` (something of the host's is missing) or `none`."""
        if not (self.namespaces and self.seccomp):
            return "none"
        complete = {"memory", "pids"} <= set(self.controllers) and self.host_uids == "per slot"
        return "full" if complete else "reduced"
