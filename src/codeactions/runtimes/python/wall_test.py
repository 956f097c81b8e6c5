"""A run that attacks the walls of its own sandbox: it returns the names of the attempts that succeeded.

The attempts are made for real. A test that only looked at settings would miss a kernel or a container that grants a
call and then does nothing.
"""

# Each attempt returns something true when it got through.
WALL_TEST = """
import ctypes, os, signal, socket

libc = ctypes.CDLL(None, use_errno=True)

def succeeds(attempt):
    try:
        return bool(attempt())
    except OSError:
        return False

def opens(path, mode="rb"):
    with open(path, mode) as file:
        return True

def processes_of_others():
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]

def signals_others():
    os.kill(-1, 0)
    return True

def connects(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(0.2)
        sock.connect(address)
        return True

def inherited():
    return [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 4 and os.path.exists(f"/proc/self/fd/{fd}")]

ATTEMPTS = {
    "read /etc/shadow": lambda: opens("/etc/shadow"),
    "write into the standard library": lambda: opens(os.path.dirname(os.__file__) + "/poison.py", "wb"),
    "write into /": lambda: opens("/poison", "wb"),
    "see other processes": processes_of_others,
    "signal other processes": signals_others,
    "keep a capability": lambda: [
        line for line in open("/proc/self/status") if line.startswith("CapEff") and int(line.split()[1], 16)
    ],
    "be root": lambda: 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()),
    "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
    "make a user namespace": lambda: libc.unshare(0x10000000) == 0,
    "trace a process": lambda: libc.ptrace(0, 0, 0, 0) == 0,
    "reach the network": lambda: connects(socket.AF_INET, ("192.0.2.1", 80)),
    "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "use io_uring": lambda: libc.syscall(425, 1, 0) >= 0,
    "inherit descriptors": inherited,
    "see the server's environment": lambda: [n for n in os.environ if "CODEACTIONS_A" in n or "DATABASE" in n],
}

def Run(engine):
    return [name for name, attempt in ATTEMPTS.items() if succeeds(attempt)]
"""
