"""Attacks on files: reading the host's, poisoning what later runs share, and passing messages through either."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attacks.attacker import ATTEMPTS, findings, success
from harness import Server

import codeactions

READING = """
def Run(engine):
    look = os.listdir if engine.params.get("folders") else lambda path: open(path, "rb").read(1) and None
    return {path: attempt(look, path) for path in engine.body.split("\\n")}
"""


def test_no_secret_file_of_the_host_can_be_read(server: Server) -> None:
    venv = Path(sys.prefix)
    paths = [
        "/etc/shadow",
        "/etc/sudoers",
        "/etc/machine-id",
        "/etc/machine-id",
        "/proc/1/root/etc/shadow",
        "/proc/self/root/etc/shadow",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/vda",
        "/dev/kvm",
        "/dev/vsock",
        "/sys/kernel/vmcoreinfo",
        "/var/run/docker.sock",
        str(venv / "pyvenv.cfg"),
        *(str(path) for path in server.data_dir.iterdir() if path.is_file()),
        str(Path(codeactions.__file__)),
        str(Path(__file__)),
    ]
    found = findings(server, ATTEMPTS + READING, content="\n".join(paths))
    assert set(found.values()) <= {"ENOENT", "EACCES"}, found


def test_no_folder_of_the_host_is_to_be_seen(server: Server) -> None:
    paths = [
        "/home",
        "/sys",
        "/sys/fs/cgroup",
        "/var/lib",
        "/var/log",
        "/etc/ssh",
        "/mnt",
        str(server.data_dir),
    ]
    site_packages = [path for path in sys.path if path.endswith("-packages")]
    found = findings(server, ATTEMPTS + READING, params={"folders": 1}, content="\n".join(paths + site_packages))
    for path, outcome in found.items():
        assert outcome == "ENOENT" or (path in site_packages and outcome == []), (path, outcome)


def test_only_what_a_run_needs_is_in_its_root(server: Server) -> None:
    source = """
def Run(engine):
    return {name: sorted(os.listdir(name)) for name in ("/", "/etc", "/dev", "/run", "/var", "/tmp")}
"""
    found = findings(server, ATTEMPTS + source)
    assert set(found["/dev"]) == {
        *("null", "zero", "full", "random", "urandom"),
        *("fd", "stdin", "stdout", "stderr", "shm"),
    }
    assert found["/run"] == found["/tmp"] == []
    assert found["/var"] == ["tmp"]
    assert not {"shadow", "ssh", "sudoers", "machine-id", "pam.d"} & set(found["/etc"])


WRITING = """
import json as standard
STANDARD = os.path.dirname(os.__file__)
ROOTS = ["/", "/etc", "/usr/bin", "/usr/lib", "/bin", "/lib", "/dev", "/run", "/var", "/proc", "/proc/self", STANDARD,
         STANDARD + "/__pycache__", STANDARD + "/json", STANDARD + "/site-packages", "/.empty"]

def Run(engine):
    found = {}
    for folder in ROOTS:
        if not os.path.isdir(folder):
            continue
        for name in ("poison.py", "poison.pth", "sitecustomize.py", "usercustomize.py"):
            found[f"create {folder}/{name}"] = attempt(open, f"{folder}/{name}", "w")
        found[f"mkdir {folder}"] = attempt(os.mkdir, f"{folder}/poison")
        found[f"link {folder}"] = attempt(os.symlink, "/tmp", f"{folder}/poison")
        found[f"chmod {folder}"] = attempt(os.chmod, folder, 0o777)
        found[f"utime {folder}"] = attempt(os.utime, folder)
        found[f"rename {folder}"] = attempt(os.rename, folder, folder + "-gone")
        found[f"xattr {folder}"] = attempt(os.setxattr, folder, "user.poison", b"1")
    for path in (standard.__file__, standard.__cached__ or "/etc/passwd", "/etc/passwd", "/etc/hosts",
                 "/etc/resolv.conf", "/usr/bin/env", sys.executable):
        for mode in ("r+b", "ab", "wb"):
            found[f"open {path} {mode}"] = attempt(open, path, mode)
        found[f"unlink {path}"] = attempt(os.unlink, path)
        found[f"chmod {path}"] = attempt(os.chmod, path, 0o777)
        found[f"chown {path}"] = attempt(os.chown, path, os.getuid(), os.getgid())
        found[f"truncate {path}"] = attempt(os.truncate, path, 0)
        found[f"hard link {path}"] = attempt(os.link, path, "/tmp/linked")
    return found
"""


def test_nothing_that_later_runs_share_can_be_written(server: Server) -> None:
    found = findings(server, ATTEMPTS + WRITING)
    refused = {"EROFS", "EACCES", "EPERM", "ENOENT", "EBUSY", "EXDEV", "ENOTSUP", "EEXIST"}
    assert {attempt: outcome for attempt, outcome in found.items() if outcome not in refused} == {}
    assert len(found) > 100


PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/var/lock", "/dev", "/", "/home", "~")
LEAVING = """
def leave(place):
    folder = os.path.expanduser(place)
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/left-behind", "w") as file:
        file.write("for the next one")

def Run(engine):
    return {place: attempt(leave, place) for place in engine.body.split()}
"""
FINDING = """
def Run(engine):
    folders = {place: os.path.expanduser(place) for place in engine.body.split()}
    return {place: os.listdir(folder) for place, folder in folders.items() if os.path.isdir(folder)}
"""


def test_a_file_left_behind_is_gone_for_the_next_run(server: Server) -> None:
    places = " ".join(PLACES)
    left = findings(server, ATTEMPTS + LEAVING, content=places)
    assert left["/tmp"] == left["/var/tmp"] == left["/dev/shm"] == "did it"
    assert {left[place] for place in ("/run", "/", "/dev", "/home")} == {"EROFS"}
    find = server.create(ATTEMPTS + FINDING)
    for _ in range(20):
        found = success(server, server.client.post(f"/endpoint/{find}", content=places)).json()
        assert not [place for place, names in found.items() if "left-behind" in names]


TRICKS = """
def through_links():
    os.symlink("/etc/shadow", "/tmp/shadow")
    open("/tmp/shadow")

def through_dots():
    open("/tmp/" + "../" * 50 + "etc/shadow")

def through_a_descriptor():
    root = os.open("/", os.O_PATH | os.O_DIRECTORY)
    os.open("../" * 20 + "etc/shadow", os.O_RDONLY, dir_fd=root)

def chroot_and_out():
    os.mkdir("/tmp/jail")
    out = os.open("/", os.O_RDONLY)
    os.chroot("/tmp/jail")
    os.fchdir(out)
    os.chdir("..")

def device():
    os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(254, 0))

def set_user_id():
    open("/tmp/suid", "wb").write(open("/usr/bin/env", "rb").read())
    os.chmod("/tmp/suid", 0o6755)
    pid = os.posix_spawn("/tmp/suid", ["env", "sh", "-c", "test $(id -u) = 0"], {"PATH": "/usr/bin:/bin"})
    return "root" if os.waitpid(pid, 0)[1] == 0 else "not root"

def set_user_id_of_the_host():
    for name in ("su", "sudo", "passwd", "mount", "newgrp", "chsh", "gpasswd"):
        if os.path.exists(f"/usr/bin/{name}"):
            pid = os.posix_spawn(f"/usr/bin/{name}", [name, "--help"], {}, file_actions=[(os.POSIX_SPAWN_CLOSE, 1)])
            os.waitpid(pid, 0)
    return [line.split()[1:] for line in open("/proc/self/status") if line.startswith(("Uid", "Gid"))]

def Run(engine):
    return {
        "links": attempt(through_links), "dots": attempt(through_dots), "descriptor": attempt(through_a_descriptor),
        "chroot": attempt(chroot_and_out), "device": attempt(device), "suid": attempt(set_user_id),
        "host's suid": attempt(set_user_id_of_the_host),
        "handle": syscall(304, -100, 0, 0), "name to handle": syscall(303, -100, b"/", 0, 0, 0),
        "own /proc/self/root": sorted(os.listdir("/proc/self/root/")) == sorted(os.listdir("/")),
    }
"""


def test_no_trick_with_links_descriptors_devices_or_set_user_id_gets_out(server: Server) -> None:
    found = findings(server, ATTEMPTS + TRICKS)
    assert found["links"] == found["dots"] == found["descriptor"] == "ENOENT"
    assert found["chroot"] == found["handle"] == found["name to handle"] == "ENOSYS"
    assert found["device"] in ("ENOSYS", "EPERM")
    assert found["suid"] == "not root"
    assert found["host's suid"] == [["1000"] * 4] * 2
    assert found["own /proc/self/root"] is True


CHANNELS = """
def lease():
    fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)

def directory_notice():
    fcntl.fcntl(os.open("/usr/bin", os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)

def see_locks():
    fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), fcntl.F_GETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))

def Run(engine):
    file = open(os.__file__)
    return {
        "flock": attempt(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB),
        "write lock": attempt(fcntl.lockf, file, fcntl.LOCK_EX | fcntl.LOCK_NB),
        "see locks": attempt(see_locks),
        "lease": attempt(lease),
        "directory notice": attempt(directory_notice),
        "inotify": called(libc.inotify_init1(0)),
        "fanotify": called(libc.fanotify_init(0, 0)),
        "page cache": called(libc.mincore(None, 0, None)),
        "times of a device": attempt(os.utime, "/dev/null"),
        "mode of a device": attempt(os.chmod, "/dev/null", 0o600),
        "attribute of a device": attempt(os.setxattr, "/dev/null", "user.x", b"1"),
        "sync of the host's disk": syscall(162), "syncfs": syscall(306, file.fileno()),
    }
"""


# Files that all runs see must not become a way to tell each other something.
def test_shared_files_are_no_channel_between_runs(server: Server) -> None:
    before = os.stat("/dev/null").st_mtime_ns
    found = findings(server, ATTEMPTS + CHANNELS)
    assert {what: outcome for what, outcome in found.items() if outcome == "did it"} == {}
    assert os.stat("/dev/null").st_mtime_ns == before


# SQLite needs record locks, so they work; but each slot has device nodes of its own, as root.
@pytest.mark.skipif(os.geteuid() != 0, reason="without root no device can be made: slots share the host's nodes")
def test_locks_on_devices_are_no_channel_between_runs(server: Server) -> None:
    source = """
import fcntl, time
def Run(engine):
    file = open("/dev/null", "w")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 4242)
    except OSError:
        return "held by another run"
    time.sleep(1)
    return "free"
"""
    code_id = server.create(source)
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: server.client.get(f"/endpoint/{code_id}").text, range(3)))
    assert answers == ["free"] * 3


# What a run sees of /dev is its own slot's, and it cannot reach another's.
def test_devices_of_other_slots_are_out_of_reach(server: Server) -> None:
    source = """
import os
def Run(engine):
    reached = []
    for slot in range(16):
        try:
            open(f"/.devices/{slot}/null").close()
            reached.append(slot)
        except OSError:
            pass
    return [reached, sorted(os.listdir("/dev")), open("/dev/zero", "rb").read(2) == bytes(2)]
"""
    answer = success(server, server.call(source)).json()
    names = ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]
    assert answer == [[], names, True]


SHADOWING = """
import os, sys
for name in ("json", "random", "codeactions", "socket"):
    with open(f"/tmp/{name}.py", "w") as file:
        file.write("raise SystemExit('shadowed')")

def Run(engine):
    import json, random, socket
    import sqlite3
    database = sqlite3.connect("/tmp/own.db")
    database.execute("CREATE TABLE t (x)")
    database.commit()
    return [json.__file__.startswith("/tmp"), random.random() < 1, [path for path in sys.path if "tmp" in path]]
"""


# And what a run may do with its own folder works: the limits are not to break honest code.
def test_files_in_the_work_folder_do_not_shadow_modules(server: Server) -> None:
    assert findings(server, SHADOWING) == [False, True, []]
