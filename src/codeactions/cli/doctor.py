"""`codeactions doctor`: a check of the host's means for sandboxes, with a trial."""

import asyncio
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codeactions.cli.database import shared_database
from codeactions.cli.settings import command_settings
from codeactions.cli.wording import typed
from codeactions.domain.errors import Error
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.languages import Languages
from codeactions.execution.local import LocalExecutor
from codeactions.execution.selftest import check_walls
from codeactions.node.migrations import NIL_VERSION, DatabaseState, inspect
from codeactions.node.settings import Settings
from codeactions.runtimes.registry import Registry
from codeactions.sandbox.inside import cgroups
from codeactions.sandbox.inside.syscall_table import ALLOWED
from codeactions.sandbox.server.pool import SandboxPool

_OLDEST_KERNEL = (5, 14)  # per-namespace process counts; mount_setattr came with 5.12


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. help: what to do when it fails."""

    name: str
    good: bool
    found: str
    help: str = ""


def diagnose() -> bool:
    """Print all findings, attack a sandbox, print the verdict, and return whether a server would start."""
    settings = command_settings()
    registry = settings.registry()
    database = _database(settings)
    for finding in (*_findings(), *_runtimes(registry), database):
        print(f"{'ok     ' if finding.good else 'missing'}  {finding.name:22} {finding.found}")
        if not finding.good and finding.help:
            print(f"         {'':22} -> {typed(finding.help)}")
    print()
    try:
        level, reason = asyncio.run(_try(settings, registry))
    except Error as error:
        print(f"verdict: NO SANDBOX. {error.message}")
        print("The server refuses to start here. Provide what is missing above. For sources that you would run in your")
        print(typed("own shell, `codeactions serve --insecure-no-sandbox` starts it nevertheless."))
        return False
    print("tried:   a run attacked its own sandbox and could not break out")
    if level == "full":
        print("verdict: FULL. Every run has its own user, pid, mount, ipc, uts and network namespace, a host uid of")
        print("its own slot, no capability, a system call filter, and memory and process limits by cgroup.")
    else:
        print(f"verdict: REDUCED. Every run is isolated, but {reason}.")
    if not database.good:
        print("The server refuses to start with this database.")
    return database.good


def _findings() -> Iterator[Finding]:
    kernel = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    yield Finding("kernel", kernel >= _OLDEST_KERNEL, platform.release(), "the full sandbox needs Linux 5.14 or later")
    machine = platform.machine()
    yield Finding("architecture", machine in ALLOWED, machine, f"the system call filter knows {', '.join(ALLOWED)}")
    yield Finding("user", True, "root: a host uid for each slot" if os.geteuid() == 0 else f"uid {os.geteuid()}")
    yield _user_namespaces()
    yield _seccomp()
    yield _cgroups()


def _runtimes(registry: Registry) -> Iterator[Finding]:
    for language, runtime in registry.found.items():
        yield Finding(f"{language} runtime", True, f"{runtime.version} ({runtime.detail})")
    for language, problem in registry.problems.items():
        yield Finding(f"{language} runtime", False, problem.message)


def _database(settings: Settings) -> Finding:
    """Return whether a server would start on the database. One that is not there yet is made by the server."""
    if not settings.database_url and not os.path.exists(settings.data_dir / "postgres"):
        return Finding("database", True, f"the embedded one, to be made in {settings.data_dir}")
    try:
        with shared_database(settings) as url:
            found = inspect(url)
    except Error as error:
        return Finding("database", False, "cannot be used", error.message)
    good = found.state in (DatabaseState.CURRENT, DatabaseState.BEHIND)
    version = "none" if found.version == NIL_VERSION else str(found.version)
    return Finding("database", good, f"version {version}, {found.state} (files: {found.latest})", found.message)


def _user_namespaces() -> Finding:
    most = _number("/proc/sys/user/max_user_namespaces")
    denied = _number("/proc/sys/kernel/unprivileged_userns_clone") == 0
    restricted = _number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1
    name = "user namespaces"
    if most == 0:
        return Finding(name, False, "switched off", "sysctl -w user.max_user_namespaces=10000")
    if os.geteuid() != 0 and denied:
        return Finding(name, False, "for root only", "sysctl -w kernel.unprivileged_userns_clone=1, or start as root")
    if os.geteuid() != 0 and restricted:
        help_text = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or start as root"
        return Finding(name, False, "restricted by AppArmor", help_text)
    return Finding(name, True, f"at most {most}")


def _seccomp() -> Finding:
    actions = _text("/proc/sys/kernel/seccomp/actions_avail")
    return Finding(
        "seccomp", "kill_process" in actions, "filters" if actions else "none", "a kernel with seccomp filters"
    )


def _cgroups() -> Finding:
    try:
        folders = cgroups.controller_folders()
    except OSError as error:
        return Finding("cgroups", False, str(error))
    v1 = [name for name in ("memory", "pids", "cpu") if name in folders]
    folder = folders.get("memory") or folders.get("unified")
    version = "v1" if v1 else "v2" if "unified" in folders else "none"
    controllers = v1 or (_text(f"{folders['unified']}/cgroup.controllers").split() if "unified" in folders else [])
    wanted = {"memory", "pids"}
    if not wanted <= set(controllers):
        help_text = "memory and processes will be limited by rlimits alone; mount cgroups with these controllers"
        return Finding(
            "cgroups", False, f"{version}, without {', '.join(sorted(wanted - set(controllers)))}", help_text
        )
    if folder is None or not os.access(folder, os.W_OK):
        help_text = "start as root, or with systemd's Delegate=yes; until then rlimits alone limit memory and processes"
        return Finding("cgroups", False, f"{version}, not writable at {folder}", help_text)
    return Finding(
        "cgroups",
        True,
        f"{version} with {', '.join(name for name in controllers if name in ('memory', 'pids', 'cpu'))}",
    )


async def _try(settings: Settings, registry: Registry) -> tuple[str, str]:
    pool = SandboxPool(settings.launcher(registry, slots=1))
    with tempfile.TemporaryDirectory() as folder:
        artifacts = ArtifactStore(Path(folder), settings.artifacts_mb * 1024 * 1024)
        executor = LocalExecutor(pool, registry, artifacts)
        try:
            level = await pool.start()
            await check_walls(executor)
            await _try_languages(settings, registry, artifacts, executor)
        finally:
            await pool.stop()
    reasons = []
    if not {"memory", "pids"} <= set(level.controllers):
        reasons.append(f"memory and processes are limited by rlimits alone ({pool.cgroup_reason or 'no cgroup'})")
    if level.host_uids != "per slot":
        reasons.append("runs have this user's uid on the host, since the server is not root")
    return level.name, " and ".join(reasons)


async def _try_languages(
    settings: Settings, registry: Registry, artifacts: ArtifactStore, executor: LocalExecutor
) -> None:
    """Run a small program in each language, as the server does when it starts, and print the results."""
    languages = Languages(registry, settings.build_launcher(registry), artifacts, say=lambda _: None)
    try:
        await languages.start(prepare=False)
        for language, state in (await languages.tried(executor)).items():
            found = {
                key: value for key, value in state.items() if key not in ("state", "version") and value is not None
            }
            details = f" ({', '.join(f'{key} {value}' for key, value in found.items())})" if found else ""
            print(f"tried:   {language}: {state['state']}{details}")
    finally:
        await languages.stop()


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
