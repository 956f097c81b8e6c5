"""The configuration of the supervisor and the launcher: plain data that crosses a socket as JSON."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Limits:
    """The resources that one run may use. Sizes are bytes."""

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


class ZygoteSpec:
    """One kind of zygote: what it imports, and what its runs see beside what all runs see. Immutable.

    name: callers ask for its sandboxes by this name.
    module: has `preload(limits, places)`, called once in the zygote, and `run()`, called in each run. `places` says
        where a mount really is, for mounts that are not at their place. `DATA_BYTES`, if the module has it: bytes that
        its own programs need before any user's code runs. The supervisor imports the module beforehand if it is known
        at the launcher's start (`LauncherConfig.modules`); otherwise its file has to be in the zygote's root.
    mounts: places where runs of this zygote see something of the host's, read-only: place → host path. The host path
        has to exist when the zygote is opened. What is mounted below /tmp or /proc is covered by a run's own.
    ready_seconds: the time in which the zygote has to become ready.
    """

    __slots__ = ("module", "mounts", "name", "ready_seconds")
    name: str
    module: str
    mounts: Mapping[str, str]
    ready_seconds: float

    def __init__(
        self, name: str, module: str, mounts: Mapping[str, str] | None = None, *, ready_seconds: float = 30.0
    ) -> None:
        """Raises `ValueError` for a place that is not an absolute, normal path below the root."""
        mounts = dict(mounts or {})
        for place in mounts:
            if place[:1] != "/" or place[1:2] in ("", "/") or os.path.normpath(place) != place:
                raise ValueError(f"{place!r} is no place for a mount")
        for field, value in zip(self.__slots__, (module, mounts, name, ready_seconds), strict=True):
            object.__setattr__(self, field, value)

    def __setattr__(self, field: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __repr__(self) -> str:
        return f"<ZygoteSpec {self.name}: {self.module}, {len(self.mounts)} mounts>"


class LauncherConfig:
    """How many slots there are, what all runs see and use, and which zygotes are opened at the start.

    exposed: host paths that runs see read-only, at the same place.
    hidden: folders inside `exposed` that runs see empty.
    modules: further modules that zygotes use, imported while their files can be seen: those of zygotes that are opened
        later, and those that a zygote's module imports by itself.
    modules_in: folders that the modules may be in, beside the one that this package is in.
    closing_seconds: how long a closed zygote may take to end, until it is killed.
    insecure: no isolation at all; for hosts that offer none, and only when asked for.
    """

    __slots__ = (
        "closing_seconds",
        "exposed",
        "hidden",
        "insecure",
        "limits",
        "modules",
        "modules_in",
        "slots",
        "zygotes",
    )

    def __init__(
        self,
        *,
        slots: int = 64,
        limits: Limits | None = None,
        exposed: Iterable[str] = (),
        hidden: Iterable[str] = (),
        zygotes: Iterable[ZygoteSpec] = (),
        modules: Iterable[str] = (),
        modules_in: Iterable[str] = (),
        closing_seconds: float = 5.0,
        insecure: bool = False,
    ) -> None:
        self.slots = slots
        self.limits = limits or Limits()
        self.exposed = tuple(exposed)
        self.hidden = tuple(hidden)
        self.zygotes = tuple(zygotes)
        self.modules = tuple(modules)
        self.modules_in = tuple(modules_in)
        self.closing_seconds = closing_seconds
        self.insecure = insecure

    def with_zygotes(self, zygotes: Iterable[ZygoteSpec]) -> LauncherConfig:
        """Return the same configuration with other zygotes."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return LauncherConfig(**{**values, "zygotes": zygotes})

    def to_json(self) -> bytes:
        """Return the configuration as it crosses the socket: without the zygotes, but with their modules."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["limits"] = {name: getattr(self.limits, name) for name in Limits.__slots__}
        values["modules"] = [*dict.fromkeys((*self.modules, *(spec.module for spec in values.pop("zygotes"))))]
        return json.dumps(values).encode()

    @classmethod
    def from_json(cls, data: bytes) -> LauncherConfig:
        """Return the configuration that `to_json` made these bytes of."""
        values = json.loads(data)
        values["limits"] = Limits(**values["limits"])
        return cls(**values)


class Level:
    """How far a launcher could really isolate its runs; shown by `/health` and `codeactions doctor`.

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
        """Return the level as JSON values; `Level(**…)` is the reverse."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"<Level {self.name}: {self.to_object()}>"

    @property
    def name(self) -> str:
        """`full`, `reduced` (something that the host should offer is missing) or `none`."""
        if not (self.namespaces and self.seccomp):
            return "none"
        complete = {"memory", "pids"} <= set(self.controllers) and self.host_uids == "per slot"
        return "full" if complete else "reduced"
