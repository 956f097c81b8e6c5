"""The system call filter of a run, as a classic BPF program for seccomp(2).

What is allowed is listed in `syscall_table`; this module turns the list into a search tree, because the kernel
runs the program once for each call number when it is installed (its cache of always-allowed calls), and each
run installs it anew.
"""

import errno
import struct
from collections.abc import Iterable
from functools import cache

from codeactions.sandbox.inside import syscalls
from codeactions.sandbox.inside.syscall_table import ALLOWED

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_NO_SUCH_CALL = 0x00050000 | errno.ENOSYS
_NOT_PERMITTED = 0x00050000 | errno.EPERM
_ASK_LISTENER = 0x7FC00000

_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # struct seccomp_data
_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_X32 = 0x40000000  # set in the numbers of x32 calls, which have the architecture of ordinary ones

_NAMESPACES = 0x7E020080  # every CLONE_NEW flag, CLONE_NEWTIME (0x80) as well
# Not vsock, packet, netlink, alg, bluetooth, …
_UNIX, _INTERNET = 1, (2, 10)  # inet, inet6
# The usual one of the type, ICMP, TCP, UDP, ICMPv6; not MPTCP, UDP-Lite, SCTP, DCCP, L2TP, SMC, for which the kernel
# would load modules.
_INTERNET_PROTOCOLS = (0, 1, 6, 17, 58)
_OTHER_TYPES = 0xC  # bits of those that are no stream, datagram or raw socket: type 6 is DCCP, whatever the protocol
_TERMINAL_INJECTION = (0x5412, 0x541C)  # ioctl TIOCSTI, TIOCLINUX
# fcntl F_GETLK, F_SETLEASE, F_GETLEASE, F_NOTIFY, F_OFD_GETLK: with them two runs could signal each other
# through a read-only file both see. F_SETLK stays (SQLite needs it): on such files it can only take read locks.
# SQLite needs F_GETLK as well, which lock_answers.py answers where the kernel hands it over.
_F_GETLK = 5
_FILE_SIGNALS = (1024, 1025, 1026, 36)

_Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def _argument_low(index: int) -> _Instruction:
    """Load the low 32 bits of an argument; the kernel truncates all of those looked at here to int."""
    return (_LOAD, 0, 0, 16 + 8 * index)


def _refuse_values(index: int, values: Iterable[int]) -> list[_Instruction]:
    chosen = tuple(values)
    compare = [(_JUMP_EQUAL, len(chosen) - place, 0, value) for place, value in enumerate(chosen)]
    return [_argument_low(index), *compare, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOT_PERMITTED)]


def _allow_sockets() -> list[_Instruction]:
    """By family, type and protocol: arguments 0, 1, 2. Of unix sockets any."""
    inet, inet6 = _INTERNET
    protocols = len(_INTERNET_PROTOCOLS)
    return [
        _argument_low(0),
        (_JUMP_EQUAL, protocols + 6, 0, _UNIX),
        (_JUMP_EQUAL, 1, 0, inet),
        (_JUMP_EQUAL, 0, protocols + 3, inet6),
        _argument_low(1),
        (_JUMP_ANY_BIT, protocols + 1, 0, _OTHER_TYPES),
        _argument_low(2),
        *((_JUMP_EQUAL, protocols - place, 0, value) for place, value in enumerate(_INTERNET_PROTOCOLS)),
        (_RETURN, 0, 0, _NOT_PERMITTED),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _refuse_bits(index: int, bits: int) -> list[_Instruction]:
    return [
        _argument_low(index),
        (_JUMP_ANY_BIT, 0, 1, bits),
        (_RETURN, 0, 0, _NOT_PERMITTED),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _looked_at(*, locks_answered: bool) -> dict[str, list[_Instruction]]:
    """The calls whose arguments decide."""
    return {
        "clone": _refuse_bits(0, _NAMESPACES),
        "socket": _allow_sockets(),
        "socketpair": _allow_sockets(),
        "ioctl": _refuse_values(1, _TERMINAL_INJECTION),
        "fcntl": _refuse_values(1, _FILE_SIGNALS if locks_answered else (_F_GETLK, *_FILE_SIGNALS)),
    }


def _ranges(numbers: dict[str, int], *, locks_answered: bool) -> list[tuple[int, list[_Instruction]]]:
    """Cut the number line into stretches that are decided alike: (first number, what to do), ascending."""
    steps_of = _looked_at(locks_answered=locks_answered)
    looked_at = {numbers[name]: steps for name, steps in steps_of.items() if name in numbers}
    allowed = set(numbers.values())
    refuse: list[_Instruction] = [(_RETURN, 0, 0, _NO_SUCH_CALL)]
    allow: list[_Instruction] = [(_RETURN, 0, 0, _ALLOW)]
    stretches: list[tuple[int, list[_Instruction]]] = []
    for number in range(max(allowed) + 2):  # the last one stands for all that follow
        steps = looked_at.get(number) or (allow if number in allowed else refuse)
        if not stretches or stretches[-1][1] is not steps:
            stretches.append((number, steps))
    return stretches


def _search_tree(stretches: list[tuple[int, list[_Instruction]]]) -> list[_Instruction]:
    if len(stretches) == 1:
        return stretches[0][1]
    middle = len(stretches) // 2
    below, above = _search_tree(stretches[:middle]), _search_tree(stretches[middle:])
    boundary = stretches[middle][0]
    if len(below) <= 255:
        return [(_JUMP_AT_LEAST, len(below), 0, boundary), *below, *above]
    # A conditional jump reaches 255 instructions: go through an unconditional one (BPF_JMP | BPF_JA).
    return [(_JUMP_AT_LEAST, 0, 1, boundary), (0x05, 0, 0, len(below)), *below, *above]


@cache
def program(architecture: str = syscalls.ARCHITECTURE, *, locks_answered: bool = False) -> bytes:
    """Return the filter as struct sock_filter[]. Another architecture's calls (32-bit ones, x32) kill the process.

    locks_answered: whether F_GETLK is left to the other filter, that of `questions_about_locks`.
    Raises `OSError` (ENOSYS) on an architecture there is no table for.
    """
    numbers = _numbers(architecture)
    instructions: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCHITECTURE[architecture]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL_PROCESS),
        *_search_tree(_ranges(numbers, locks_answered=locks_answered)),
    ]
    return _packed(instructions)


def questions_about_locks(architecture: str = syscalls.ARCHITECTURE) -> bytes:
    """Return a filter that hands fcntl F_GETLK over to its listener, and says nothing of other calls.

    Raises `OSError` (ENOSYS) as `program` does.
    """
    return _packed(
        [
            (_LOAD, 0, 0, _NUMBER_AT),
            (_JUMP_EQUAL, 0, 3, _numbers(architecture)["fcntl"]),
            _argument_low(1),
            (_JUMP_EQUAL, 0, 1, _F_GETLK),
            (_RETURN, 0, 0, _ASK_LISTENER),
            (_RETURN, 0, 0, _ALLOW),
        ]
    )


def _numbers(architecture: str) -> dict[str, int]:
    if architecture not in ALLOWED:
        raise OSError(errno.ENOSYS, f"no system call table for {architecture}")
    return ALLOWED[architecture]


def _packed(instructions: list[_Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
