"""The machine that the numbers come from."""

import os
import platform
from pathlib import Path
from typing import Any

import psycopg

from bench.server import Server


def describe(server: Server) -> dict[str, Any]:
    """Describe the machine, the versions and the sandbox of the runs."""
    sandbox = server.health()["sandbox"]
    with psycopg.connect(server.database_url) as connection:
        postgres = f"{connection.info.server_version // 10000}.{connection.info.server_version % 10000}"
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": postgres,
        "sandbox": sandbox["level"],
        "cgroup": sandbox["cgroup"],
        "slots": sandbox["slots"],
        "warm": sandbox["warm"],
        "data_on": _file_system(server.data_dir),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """Return the type of the file system of a folder, which decides what a commit waits for."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        inside = folder == Path(point) or Path(point) in folder.parents
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind
