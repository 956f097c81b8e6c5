"""Attacks on the kernel's surface: calls that reach outside the walls, and ways around the filter of calls."""

import platform

import pytest
from attacks.attacker import ATTEMPTS, failure, findings
from harness import Server

X86 = platform.machine() == "x86_64"
FORBIDDEN = {  # numbers of x86_64 below 424, everywhere the same from there on
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "clone3": 435,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsmount": 432,
    "fspick": 433,
    "process_mrelease": 448,
    "cachestat": 451,
    "statmount": 457,
    "listmount": 458,
    "listns": 470,
}
FORBIDDEN_X86 = {
    "userfaultfd": 323,
    "ptrace": 101,
    "kcmp": 312,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "chroot": 161,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "bpf": 321,
    "perf_event_open": 298,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "fanotify_init": 300,
    "inotify_init": 253,
    "inotify_init1": 294,
    "flock": 73,
    "mincore": 27,
    "sync": 162,
    "syncfs": 306,
    "vmsplice": 278,
    "seccomp": 317,
    "personality": 135,
    "init_module": 175,
    "finit_module": 313,
    "delete_module": 176,
    "kexec_load": 246,
    "reboot": 169,
    "swapon": 167,
    "syslog": 103,
    "acct": 163,
    "quotactl": 179,
    "settimeofday": 164,
    "clock_settime": 227,
    "adjtimex": 159,
    "sethostname": 170,
    "iopl": 172,
    "ioperm": 173,
    "mknod": 133,
    "mknodat": 259,
    "modify_ldt": 154,
    "set_mempolicy": 238,
    "migrate_pages": 256,
    "move_pages": 279,
    "sched_setscheduler": 144,
    "sched_setattr": 314,
    "ioprio_set": 251,
    "vhangup": 153,
    "lookup_dcookie": 212,
    "io_setup": 206,
}


def test_calls_that_reach_outside_do_not_exist(server: Server) -> None:
    calls = FORBIDDEN | (FORBIDDEN_X86 if X86 else {})
    source = """
def Run(engine):
    return {number: syscall(int(number), 0, 0, 0, 0, 0, 0) for number in engine.body.split()}
"""
    found = findings(server, ATTEMPTS + source, content=" ".join(map(str, calls.values())))
    assert {name: found[str(number)] for name, number in calls.items() if found[str(number)] != "ENOSYS"} == {}


NAMESPACES = {
    "user": 1 << 28,
    "pid": 1 << 29,
    "net": 1 << 30,
    "mount": 1 << 17,
    "uts": 1 << 26,
    "ipc": 1 << 27,
}
NAMESPACES |= {"cgroup": 1 << 25, "time": 1 << 7}


# A namespace of its own would make a run root over it, with all that the kernel then lets it do.
@pytest.mark.skipif(not X86, reason="numbers of x86_64")
def test_no_namespace_can_be_made_or_entered(server: Server) -> None:
    source = """
def Run(engine):
    flags = [int(flag) for flag in engine.body.split()]
    kinds = [kind for kind in os.listdir("/proc/self/ns")]
    return {
        "clone": [syscall(56, flag | 17, 0, 0, 0, 0) for flag in flags],
        "with high bits": syscall(56, (1 << 32) | (1 << 28) | 17, 0, 0, 0, 0),
        "clone3": syscall(435, ctypes.create_string_buffer(struct.pack("Q", 1 << 28), 88), 88),
        "setns": [syscall(308, os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), 0) for kind in kinds],
    }
"""
    found = findings(server, ATTEMPTS + source, content=" ".join(map(str, NAMESPACES.values())))
    assert set(found["clone"]) == {"EPERM"}
    assert found["with high bits"] == "EPERM"
    assert found["clone3"] == "ENOSYS"
    assert set(found["setns"]) == {"ENOSYS"}


# Machine code of 32-bit calls has other numbers: getpid(2) here is a forbidden call, or an allowed one, there.
FOREIGN = {
    "int 0x80": "b8140000004831dbcd80c3",  # mov eax, 20; xor rbx, rbx; int 0x80; ret
    "x32": "b827000040 0f05c3".replace(" ", ""),  # mov eax, 0x40000027; syscall; ret
}


@pytest.mark.skipif(not X86, reason="machine code of x86_64")
@pytest.mark.parametrize("code", FOREIGN.values(), ids=FOREIGN)
def test_calls_of_another_architecture_end_the_run(server: Server, code: str) -> None:
    source = """
def Run(engine):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex(engine.body))
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
    error = failure(server, server.call(ATTEMPTS + source, content=code), "killed")
    assert "SIGSYS" in error["message"]


SEAL = """
def status():
    return {line.split(":")[0]: line.split()[1:] for line in open("/proc/self/status")}

AT_IMPORT = [status(), attempt(open, "/etc/shadow"), os.getuid(), sorted(os.listdir("/proc/self/fd"))[:5], os.getcwd()]

def Run(engine):
    return AT_IMPORT, [status(), attempt(open, "/etc/shadow")]
"""


# The first of a user's bytes that anything looks at are looked at behind all the walls.
def test_every_wall_stands_before_the_source_is_loaded(server: Server) -> None:
    (at_import, shadow, uid, descriptors, folder), in_run = findings(server, ATTEMPTS + SEAL)
    for status in (at_import, in_run[0]):
        assert status["Seccomp"] == ["2"]
        assert status["NoNewPrivs"] == ["1"]
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert status[capabilities] == ["0" * 16]
        assert status["Uid"] == status["Gid"] == ["1000"] * 4
        assert status["NSpid"] == ["1"]
        assert status["Threads"] == ["1"]
    assert shadow == in_run[1] == "ENOENT"
    assert uid == 1000
    assert descriptors == ["0", "1", "2", "3", "4"]
    assert folder == "/tmp"


PRIVILEGES = """
class Header(ctypes.Structure): _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

def capset():
    header = Header(0x20080522, 0)
    return called(libc.capset(ctypes.byref(header), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)))

def prctl(*arguments):
    return called(libc.prctl(*(ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:5])))

def writes(path, text):
    with open(path, "w") as file:
        file.write(text)

def Run(engine):
    import ctypes.util
    return {
        "capset": capset(),
        "setuid": attempt(os.setuid, 0), "setgid": attempt(os.setgid, 0), "setgroups": attempt(os.setgroups, [0]),
        "setresuid": attempt(os.setresuid, 0, 0, 0), "another uid": attempt(os.setuid, 1001),
        "filter off": prctl(22, 0), "new privileges": prctl(38, 0), "strict with junk": prctl(22, 3),
        "ambient": prctl(47, 2, 21), "keep capabilities": prctl(28, 0xFF), "mm": prctl(35, 1, 4096),
        "uid map": attempt(writes, "/proc/self/uid_map", "0 0 4294967295"),
        "gid map": attempt(writes, "/proc/self/gid_map", "0 0 1"),
        "setgroups file": attempt(writes, "/proc/self/setgroups", "allow"),
        "oom score": attempt(writes, "/proc/self/oom_score_adj", "0"),
        "own memory": attempt(open, "/proc/self/mem", "r+b"),
        "sysctl": attempt(writes, "/proc/sys/kernel/core_pattern", "|/tmp/x"),
        "sysrq": attempt(writes, "/proc/sysrq-trigger", "b"),
        "hostname": called(libc.sethostname(b"x", 1)),
        "terminal injection": attempt(fcntl.ioctl, 0, 0x5412, b"x"),
        "with high bits": syscall(16, 0, (1 << 32) | 0x5412, b"x"),
        "console": attempt(fcntl.ioctl, 0, 0x541C, b"x"),
        "raw disk": attempt(os.open, "/dev/vda", os.O_RDONLY),
        "cgroup": attempt(os.listdir, "/sys/fs/cgroup"),
        "death signal of the parent": prctl(1, 9),
        "dumpable": prctl(4, 1),
    }
"""


def test_no_privilege_can_be_taken(server: Server) -> None:
    found = findings(server, ATTEMPTS + PRIVILEGES)
    harmless = {found.pop("death signal of the parent"), found.pop("dumpable")}  # for itself alone
    assert harmless == {"did it"}
    assert {what: outcome for what, outcome in found.items() if outcome == "did it"} == {}
    for what in ("uid map", "gid map", "setgroups file", "oom score", "own memory"):
        assert found[what] == "EROFS", what
    for what in ("terminal injection", "with high bits", "console", "capset", "ambient"):
        assert found[what] == "EPERM", what


MEMFD = """
def Run(engine):
    fd = os.memfd_create("program")
    os.write(fd, open("/bin/sh", "rb").read())
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 1)
        os.execve(fd, ["sh", "-c", "cat /proc/self/status; unshare -U true || echo refused"], {"PATH": "/usr/bin:/bin"})
    os.close(writer)
    text = b""
    while chunk := os.read(reader, 65536):
        text += chunk
    return text.decode()
"""


# Any program may be run, from memory too: it gets what the run has, and no more.
def test_a_program_from_memory_is_behind_the_same_walls(server: Server) -> None:
    answer = server.call(ATTEMPTS + MEMFD)
    assert answer.status_code == 200
    lines = answer.text.split()
    assert lines[lines.index("Seccomp:") + 1] == "2"
    assert lines[lines.index("NoNewPrivs:") + 1] == "1"
    assert lines[lines.index("CapEff:") + 1] == "0" * 16
    assert lines[-1] == "refused"
