"""The filter of system calls, run in a small simulator: what the kernel would decide for every call."""

import struct
from itertools import product

import pytest

from codeactions.sandbox.inside import seccomp
from codeactions.sandbox.inside.syscall_table import ALLOWED

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOOKED_AT = {"clone", "socket", "socketpair", "ioctl", "fcntl"}


def decide(program: bytes, architecture: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """Interpret classic BPF as seccomp(2) does; fails on anything the kernel would not take."""
    padded = (*arguments, *[0] * 6)[:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *(a & (2**64 - 1) for a in padded))
    instructions = list(struct.iter_unpack("=HBBI", program))
    at, accumulator = 0, 0
    for _ in range(len(instructions)):  # jumps go forward only, so this is the most there can be
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == 0x20:
            assert operand % 4 == 0
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x05:
            at += operand
        elif code == 0x06:
            return operand
        else:
            held = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }
            at += if_true if held[code] else if_false
    raise AssertionError("the program has no end")


@pytest.fixture(params=ALLOWED)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_program_has_a_size_the_kernel_takes(architecture: str) -> None:
    program = seccomp.program(architecture)
    assert len(program) % 8 == 0
    assert len(program) // 8 <= 4096  # BPF_MAXINSNS


def test_every_call_is_decided_as_the_table_says(architecture: str) -> None:
    program = seccomp.program(architecture)
    names = {number: name for name, number in ALLOWED[architecture].items()}
    assert len(names) == len(ALLOWED[architecture]), "a number is in the table twice"
    for number in [*range(501), 512, 547, 1000, 65535, 0x3FFFFFFF]:
        name = names.get(number)
        if name not in LOOKED_AT:
            expected = ALLOW if name else ENOSYS
            assert decide(program, AUDIT[architecture], number) == expected, (number, name)


def test_another_architectures_calls_kill(architecture: str) -> None:
    program = seccomp.program(architecture)
    others = {0x40000003, 0x40000028, 0x00000000, 0xFFFFFFFF, *AUDIT.values()} - {AUDIT[architecture]}
    for other in others:
        for number in (0, 1, 20, 39, 59, 500):
            assert decide(program, other, number) == KILL


# They come with the ordinary architecture and a bit in the number.
def test_x32_calls_kill() -> None:
    program = seccomp.program("x86_64")
    for number in (0x40000000, 0x40000001, 0x40000027, 0x40000200, 0x7FFFFFFF, 0x80000000, -1):
        assert decide(program, AUDIT["x86_64"], number) == KILL


CLONE_FLAGS = {0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000}
ONLY_SOME = [
    ("clone", 0, CLONE_FLAGS, {0, 17, 0x3D0F00, 0x1200011, 0x4111}),
    ("ioctl", 1, {0x5412, 0x541C}, {0x5401, 0x5413, 0x541B, 0x5421, 0x8910}),
    ("fcntl", 1, {5, 1024, 1025, 1026, 36}, {0, 1, 2, 3, 4, 6, 7, 37, 38, 1030, 1033}),
]


@pytest.mark.parametrize(("name", "place", "refused", "allowed"), ONLY_SOME, ids=[case[0] for case in ONLY_SOME])
def test_arguments_that_decide(architecture: str, name: str, place: int, refused: set[int], allowed: set[int]) -> None:
    program, number = seccomp.program(architecture), ALLOWED[architecture][name]

    def decided(value: int) -> int:
        arguments = [0xDEADBEEF] * 6
        arguments[place] = value
        return decide(program, AUDIT[architecture], number, tuple(arguments))

    # The kernel looks at the low 32 bits of these arguments alone, and so must the filter.
    for high in (0, 1 << 32, 0xFFFFFFFF << 32):
        assert {decided(value | high) for value in refused} == {EPERM}
        assert {decided(value | high) for value in allowed} == {ALLOW}


ASK = 0x7FC00000
F_GETLK = 5


def test_a_question_about_locks_goes_to_the_other_filter_where_there_is_one(architecture: str) -> None:
    number = ALLOWED[architecture]["fcntl"]
    own, other = seccomp.program(architecture, locks_answered=True), seccomp.questions_about_locks(architecture)
    for high in (0, 1 << 32, 0xFFFFFFFF << 32):
        arguments = [(3, command | high, 0) for command in range(2000)]
        asked = {command for command, given in enumerate(arguments) if decide(other, 0, number, given) == ASK}
        refused = {
            command
            for command, given in enumerate(arguments)
            if decide(own, AUDIT[architecture], number, given) != ALLOW
        }
        assert (asked, refused) == ({F_GETLK}, {1024, 1025, 1026, 36})
    others = {name: decide(other, 0, call, (0, F_GETLK)) for name, call in ALLOWED[architecture].items()}
    assert {name for name, decision in others.items() if decision != ALLOW} == {"fcntl"}


def test_a_namespace_flag_is_refused_among_others(architecture: str) -> None:
    program, number = seccomp.program(architecture), ALLOWED[architecture]["clone"]
    for flag in CLONE_FLAGS:
        assert decide(program, AUDIT[architecture], number, (flag | 0x3D0F00 | 17,)) == EPERM


OTHER_FAMILIES = {0, 3, 9, 16, 17, 29, 31, 38, 40, 44, 0xFFFFFFFF}
UNIX, INTERNET = 1, {2, 10}
STREAM, DATAGRAM, RAW, FLAGS = 1, 2, 3, {0, 0x800, 0x80000, 0x80800}  # SOCK_NONBLOCK, SOCK_CLOEXEC
OTHER_TYPES = {4, 5, 6, 10, 15}  # RDM, SEQPACKET, DCCP, PACKET
PROTOCOLS = {0, 1, 6, 17, 58}
# UDP-Lite, SCTP, DCCP, L2TP, MPTCP, SMC; and what looks like an allowed one in part.
OTHER_PROTOCOLS = {136, 132, 33, 115, 262, 256, 2, 41, 255, 0x10006, 0xFFFFFFFF}


@pytest.mark.parametrize("name", ["socket", "socketpair"])
@pytest.mark.parametrize("high", [0, 1 << 32, 0xFFFFFFFF << 32])
def test_sockets_are_of_unix_and_of_the_usual_kinds_of_the_internet(architecture: str, name: str, high: int) -> None:
    program, number = seccomp.program(architecture), ALLOWED[architecture][name]

    def decided(*arguments: int) -> int:
        return decide(program, AUDIT[architecture], number, tuple(value | high for value in arguments))

    for family, kind, protocol in product(INTERNET, (STREAM, DATAGRAM, RAW), PROTOCOLS):
        assert {decided(family, kind | flags, protocol) for flags in FLAGS} == {ALLOW}, (family, kind, protocol)
    for family, kind, protocol in product(INTERNET, (STREAM, DATAGRAM, RAW, *OTHER_TYPES), OTHER_PROTOCOLS):
        assert {decided(family, kind | flags, protocol) for flags in FLAGS} == {EPERM}, (family, kind, protocol)
    for family, kind, protocol in product(INTERNET, OTHER_TYPES, PROTOCOLS):
        assert {decided(family, kind | flags, protocol) for flags in FLAGS} == {EPERM}, (family, kind, protocol)
    for kind, protocol in product((STREAM, DATAGRAM, 5), PROTOCOLS | OTHER_PROTOCOLS):
        assert decided(UNIX, kind, protocol) == ALLOW
        assert {decided(family, kind, protocol) for family in OTHER_FAMILIES} == {EPERM}


FORBIDDEN = {
    "clone3",
    "unshare",
    "setns",
    "mount",
    "ptrace",
    "bpf",
    "keyctl",
    "flock",
    "io_uring_setup",
    "seccomp",
}


def test_the_table_lists_none_of_the_calls_that_reach_outside(architecture: str) -> None:
    assert not FORBIDDEN & set(ALLOWED[architecture])


def test_an_architecture_without_a_table_is_refused() -> None:
    for program in (seccomp.program, seccomp.questions_about_locks):
        with pytest.raises(OSError, match="riscv64"):
            program("riscv64")
