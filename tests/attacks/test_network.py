"""Attacks over the network from inside a run, which has an empty loopback and nothing else.

Everything is aimed at from inside; what stands on the host is a listener that the test itself opened.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from attacks.attacker import ATTEMPTS, findings
from harness import Server

CONNECTING = """
def connects(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.settimeout(2)
        sock.connect((host, port))

def sends(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"out", (host, port))

def Run(engine):
    import json
    return [[attempt(connects, *target), attempt(sends, *target)] for target in json.loads(engine.body)]
"""
NOBODY = {"ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL"}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Something on the host's loopback that nobody is to reach: it stands for a database or an internal API."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(0.2)
        yield sock


def test_services_on_the_hosts_loopback_are_out_of_reach(server: Server, listener: socket.socket) -> None:
    api = urlsplit(server.base)
    targets = [
        listener.getsockname(),
        (api.hostname, api.port),
        ("127.0.0.1", 5432),
        ("127.0.0.53", 53),
        ("0.0.0.0", api.port),
        ("::1", api.port),
        ("::ffff:127.0.0.1", api.port),
    ]
    found = findings(server, ATTEMPTS + CONNECTING, json=targets)
    assert {tcp for tcp, _ in found} <= NOBODY, found
    with pytest.raises(TimeoutError):
        listener.accept()


METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fe80::a9fe:a9fe",
]
ELSEWHERE = [
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.9",
    "2001:db8::1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
]


# Refused in the run's own namespace, without a packet: there is no route to anywhere.
@pytest.mark.parametrize("hosts", [METADATA, ELSEWHERE], ids=["metadata services", "anywhere else"])
def test_there_is_no_way_out(server: Server, hosts: list[str]) -> None:
    found = findings(server, ATTEMPTS + CONNECTING, json=[(host, 80) for host in hosts])
    for host, outcomes in zip(hosts, found, strict=True):
        assert set(outcomes) <= {"ENETUNREACH", "EADDRNOTAVAIL", "EINVAL"}, host


def test_the_databases_unix_socket_is_out_of_reach(server: Server, database_url: str) -> None:
    folder = parse_qs(urlsplit(database_url).query)["host"][0]
    paths = [str(path) for path in Path(folder).glob(".s.PGSQL.*")]
    paths = [path for path in paths if not path.endswith(".lock")]
    assert paths  # there is one to be reached
    paths += ["/run/postgresql/.s.PGSQL.5432", "/var/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.5432"]
    source = """
def connects(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)

def Run(engine):
    return [attempt(connects, path) for path in engine.body.split("\\n")]
"""
    assert set(findings(server, ATTEMPTS + source, content="\n".join(paths))) == {"ENOENT"}


# A name that the host listens on in the abstract namespace belongs to the host's network namespace.
def test_abstract_sockets_of_the_host_are_out_of_reach(server: Server) -> None:
    source = """
def Run(engine):
    with socket.socket(socket.AF_UNIX) as sock:
        return attempt(sock.connect, "\\0" + engine.body)
"""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("\0codeactions-attack-test")
        sock.listen()
        answer = server.call(ATTEMPTS + source, content="codeactions-attack-test")
    assert answer.text == "ECONNREFUSED"


def test_names_cannot_be_resolved(server: Server) -> None:
    source = """
def resolves(name):
    return socket.getaddrinfo(name, 80)[0][4][0]

def Run(engine):
    names = ("metadata.google.internal", "metadata", "example.com", "localhost")
    return {name: attempt(resolves, name) for name in names}
"""
    found = findings(server, ATTEMPTS + source)
    assert found.pop("localhost") in ("127.0.0.1", "::1")
    assert not [name for name, outcome in found.items() if "." in str(outcome) or ":" in str(outcome)]


FAMILIES = {
    "netlink": (16, 3, 0),
    "packet": (17, 3, 0),
    "alg": (38, 5, 0),
    "vsock": (40, 1, 0),
    "bluetooth": (31, 3, 0),
    "can": (29, 3, 1),
    "rds": (21, 5, 0),
    "tipc": (30, 2, 0),
    "kcm": (41, 5, 0),
    "qipcrtr": (42, 2, 0),
    "smc": (43, 1, 0),
    "xdp": (44, 3, 0),
    "raw IPv4": (2, 3, 255),
    "raw IPv6": (10, 3, 58),
    "raw ICMP": (2, 3, 1),
}


def test_sockets_of_other_families_and_raw_ones_are_refused(server: Server) -> None:
    source = """
def Run(engine):
    import json
    return [[called(libc.socket(*kind)), called(libc.socketpair(*kind, (ctypes.c_int * 2)()))]
            for kind in json.loads(engine.body)]
"""
    found = findings(server, ATTEMPTS + source, json=list(FAMILIES.values()))
    refused = {"EPERM", "EACCES", "EOPNOTSUPP", "EPROTONOSUPPORT", "EAFNOSUPPORT", "ESOCKTNOSUPPORT"}
    for name, outcomes in zip(FAMILIES, found, strict=True):
        assert set(outcomes) <= refused, (name, outcomes)
        if not name.startswith("raw"):
            assert set(outcomes) == {"EPERM"}, name


STREAM, DATAGRAM, SEQUENCES, DCCP = 1, 2, 5, 6
USUAL = {"TCP": (STREAM, 6), "UDP": (DATAGRAM, 17), "stream": (STREAM, 0), "datagram": (DATAGRAM, 0)}
# The kernel would load a module for most of these.
UNUSUAL = {
    "MPTCP": (STREAM, 262),
    "SMC": (STREAM, 256),
    "UDP-Lite": (DATAGRAM, 136),
    "L2TP": (DATAGRAM, 115),
    "SCTP": (STREAM, 132),
    "SCTP in sequences": (SEQUENCES, 132),
    "DCCP": (DCCP, 33),
    "DCCP by its type": (DCCP, 0),
}


@pytest.mark.parametrize("family", [2, 10], ids=["IPv4", "IPv6"])
def test_protocols_of_the_internet_other_than_tcp_and_udp_are_refused(server: Server, family: int) -> None:
    source = """
def Run(engine):
    import json
    flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    return [[called(call(family, kind | more, protocol, (ctypes.c_int * 2)()))
             for call in (libc.socket, libc.socketpair) for more in (0, flags)]
            for family, kind, protocol in json.loads(engine.body)]
"""
    asked = [(family, *kind) for kind in (USUAL | UNUSUAL).values()]
    found = dict(zip(USUAL | UNUSUAL, findings(server, ATTEMPTS + source, json=asked), strict=True))
    assert {name: found[name] for name in UNUSUAL} == dict.fromkeys(UNUSUAL, ["EPERM"] * 4)
    # The kernel itself makes no pairs of them.
    assert {name: found[name] for name in USUAL} == dict.fromkeys(USUAL, ["did it"] * 2 + ["ENOTSUP"] * 2)


# Nothing of the host's interfaces is told, not even through a descriptor that the server made.
def test_loopback_is_the_only_interface_and_cannot_be_changed(server: Server) -> None:
    source = """
def interfaces(fd):
    found = []
    for index in range(1, 20):
        request = struct.pack("16si20x", b"", index)
        name = attempt(fcntl.ioctl, fd, 0x8910, request)
        if isinstance(name, bytes):
            found.append(name[:16].rstrip(b"\\0").decode())
    return found

def Run(engine):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        address = struct.pack("16sH2s4s8x", b"lo", socket.AF_INET, b"", bytes([10, 0, 0, 1]))
        return {
            "of a socket": interfaces(sock.fileno()),
            "inherited": [interfaces(fd) for fd in range(5)],
            "new address": attempt(fcntl.ioctl, sock, 0x8916, address),
            "down": attempt(fcntl.ioctl, sock, 0x8914, struct.pack("16sh22x", b"lo", 0)),
            "devices": [line.split(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line],
            "namespace of a socket": attempt(fcntl.ioctl, sock, 0x894C),
        }
"""
    found = findings(server, ATTEMPTS + source)
    assert found["of a socket"] == found["devices"] == ["lo"]
    assert found["inherited"] == [[]] * 5
    assert found["new address"] == found["down"] == found["namespace of a socket"] == "EPERM"


# What a run may do: talk to itself.
def test_a_run_has_a_loopback_of_its_own(server: Server) -> None:
    source = """
def Run(engine):
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.sendall(b"to myself")
    return server.recv(100).decode()
"""
    assert server.call(ATTEMPTS + source).text == "to myself"
