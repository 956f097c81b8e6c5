"""What the launcher is told once, when it starts: plain data that crosses a socket as JSON."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use. Sizes are bytes."""

    memory_bytes: int = 256 * 1024 * 1024
    processes: int = 64
    tmp_bytes: int = 64 * 1024 * 1024
    open_files: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherConfig:
    """How many slots there are, what their runs see and use, and which zygotes are kept warm.

    exposed: host paths that runs see read-only, at the same place.
    hidden: folders inside `exposed` that runs see empty.
    zygotes: name → module with `preload()`, called once, and `run()`, called in each run.
    insecure: no walls at all; for hosts that offer none, and only when asked for.
    """

    slots: int = 64
    limits: Limits = field(default_factory=Limits)
    exposed: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    zygotes: dict[str, str] = field(default_factory=dict)
    insecure: bool = False

    def to_json(self) -> bytes:
        """The configuration as it crosses the socket."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "LauncherConfig":
        """The reverse of `to_json`."""
        values = json.loads(data)
        values["limits"] = Limits(**values["limits"])
        values["exposed"], values["hidden"] = tuple(values["exposed"]), tuple(values["hidden"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Which walls a launcher really put up; shown by `/health` and `codeactions doctor`.

    namespaces: user, pid, mount, ipc, uts and network namespaces and a pivoted root.
    cgroup: "v1", "v2" or "none"; with "none" memory and processes are limited by rlimits alone.
    host_uids: "per slot" (started as root), else "own": runs have the server's uid, in a namespace.
    """

    namespaces: bool
    seccomp: bool
    cgroup: str
    controllers: tuple[str, ...]
    host_uids: str

    @property
    def name(self) -> str:
        """`full`, `reduced` (something of the host's is missing) or `none`."""
        if not (self.namespaces and self.seccomp):
            return "none"
        complete = {"memory", "pids"} <= set(self.controllers) and self.host_uids == "per slot"
        return "full" if complete else "reduced"
