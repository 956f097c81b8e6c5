"""Attacks in JavaScript and Go over the network, from inside a run: what stands on the host, the test itself opened."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from attacks.attacker import failure, processes_named, success
from attacks.languages import LANGUAGES, Toolbox, alone, ready
from harness import Server, wait_until

NETWORK = Toolbox(
    {
        "connect": {
            "javascript": """
                const connect = (host, port) => new Promise((resolve) => {
                  const sock = net.connect({ host, port, timeout: 3000 }, () => resolve("did it"));
                  sock.on("error", (error) => resolve(error.code ?? error.name)).on("timeout", () => resolve("timeout"));
                });
                const fetched = (host, port) => fetch(`http://${host.includes(":") ? `[${host}]` : host}:${port}/`, { signal: AbortSignal.timeout(3000) })
                  .then(() => "did it", (error) => error.code ?? error.name);
                return await Promise.all(engine.request.json().map(async ([host, port]) => [await connect(host, port), await fetched(host, port)]));""",
            "go": """
                var targets [][2]any
                if err := engine.Request.JSON(&targets); err != nil { return nil, err }
                found := [][2]string{}
                for _, target := range targets {
                    address := net.JoinHostPort(target[0].(string), fmt.Sprint(target[1]))
                    _, tcp := net.DialTimeout("tcp", address, 3*time.Second)
                    sock, udp := net.Dial("udp", address)
                    if udp == nil { _, udp = sock.Write([]byte("out")) }
                    found = append(found, [2]string{outcome(tcp), outcome(udp)})
                }
                return found, nil""",
        },
        "unix": {
            "javascript": """
                const connect = (path) => new Promise((resolve) => {
                  net.connect({ path }, () => resolve("did it")).on("error", (error) => resolve(error.code ?? error.name));
                });
                return await Promise.all(engine.request.json().map(connect));""",
            "go": """
                var paths []string
                if err := engine.Request.JSON(&paths); err != nil { return nil, err }
                found := []string{}
                for _, path := range paths {
                    _, err := net.Dial("unix", path)
                    found = append(found, outcome(err))
                }
                return found, nil""",
        },
        "names": {
            "javascript": """
                const resolve = (name) => dns.promises.lookup(name).then((found) => found.address, () => null);
                return Object.fromEntries(await Promise.all(engine.request.json().map(async (name) => [name, await resolve(name)])));""",
            "go": """
                var names []string
                if err := engine.Request.JSON(&names); err != nil { return nil, err }
                found := map[string]any{}
                for _, name := range names {
                    addresses, err := net.LookupHost(name)
                    if err == nil { found[name] = addresses[0] } else { found[name] = nil }
                }
                return found, nil""",
        },
        "listen": {
            "javascript": """
                let reached = 0;
                const server = net.createServer((sock) => { reached++; sock.end("to myself"); }).listen(Number(engine.body), "0.0.0.0");
                await once(server, "listening");
                const own = net.connect(Number(engine.body), "127.0.0.1");
                const said = await new Promise((resolve) => own.on("data", (data) => resolve(String(data))));
                const marker = sleeper("atk-listening", "exec");
                await new Promise((resolve) => marker.on("exit", resolve));
                return [said, reached];""",
            "go": """
                listener, err := net.Listen("tcp", "0.0.0.0:"+engine.Body)
                if err != nil { return nil, err }
                reached := 0
                go func() {
                    for { sock, err := listener.Accept(); if err != nil { return }; reached++; sock.Write([]byte("to myself")); sock.Close() }
                }()
                own, err := net.Dial("tcp", "127.0.0.1:"+engine.Body)
                if err != nil { return nil, err }
                said, _ := io.ReadAll(own)
                sleeper("atk-listening", "exec").Wait()
                return []any{string(said), reached}, nil""",
        },
    }
)
NOBODY = {"ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL", "EINVAL", "ConnectionRefused", "FailedToOpenSocket"}


def reached(server: Server, language: str, attack: str, body: object) -> Any:
    """What one of the attacks brought home."""
    return success(server, NETWORK.call(server, language, attack, json=body)).json()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Something on the host's loopback that nobody is to reach: it stands for a database or an internal API."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(0.2)
        yield sock


@pytest.mark.parametrize("language", LANGUAGES)
def test_services_on_the_hosts_loopback_are_out_of_reach(
    server: Server, language: str, listener: socket.socket
) -> None:
    api = urlsplit(server.base).port
    targets = [listener.getsockname(), ("127.0.0.1", api), ("localhost", api), ("127.0.0.1", 5432), ("::1", api)]
    targets += [("0.0.0.0", api), ("::ffff:127.0.0.1", api), ("127.0.0.53", 53)]
    found = reached(server, language, "connect", targets)
    assert {outcome for outcomes in found for outcome in outcomes[:1]} <= NOBODY, found
    assert "did it" not in {outcomes[1] for outcomes in found} or language == "go"  # a datagram to an empty loopback
    with pytest.raises(TimeoutError):
        listener.accept()


METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"]
ELSEWHERE = ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "10.0.0.1", "172.16.0.1", "192.168.0.1"]


# Refused in the run's own namespace, without a packet: there is no route to anywhere.
@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_no_way_out(server: Server, language: str) -> None:
    hosts = METADATA + ELSEWHERE
    found = reached(server, language, "connect", [(host, 80) for host in hosts])
    assert {host: outcomes for host, outcomes in zip(hosts, found, strict=True) if not set(outcomes) <= NOBODY} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_unix_sockets_of_the_host_are_out_of_reach(server: Server, language: str, database_url: str) -> None:
    folder = Path(parse_qs(urlsplit(database_url).query)["host"][0])
    paths = [str(path) for path in folder.glob(".s.PGSQL.*") if path.suffix != ".lock"]
    assert paths  # there is one to be reached
    paths += ["/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.5432", "/var/run/docker.sock"]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("\0codeactions-attack-test")
        sock.listen()
        *found, abstract = reached(server, language, "unix", [*paths, "\0codeactions-attack-test"])
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.accept()
    assert set(found) == {"ENOENT"}
    assert abstract != "did it"


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_cannot_be_resolved(server: Server, language: str) -> None:
    found = reached(server, language, "names", ["metadata.google.internal", "example.com", "localhost"])
    assert found.pop("localhost") in ("127.0.0.1", "::1")
    assert found == {"metadata.google.internal": None, "example.com": None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_may_listen_but_nobody_outside_reaches_it(server: Server, language: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    code_id = NETWORK.deployed(server, language)
    answers: list[httpx.Response] = []
    url, params = f"/endpoint/{code_id}", {"attack": "listen"}
    call = threading.Thread(target=lambda: answers.append(server.client.post(url, params=params, content=str(port))))
    call.start()
    markers = wait_until(lambda: processes_named("atk-listening"), what="the run that listens")
    for address in ("127.0.0.1", "::1"):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)
    for pid in markers:
        os.kill(pid, signal.SIGKILL)
    call.join()
    assert success(server, answers[0]).json() == ["to myself", 1]


INSTALLING = {
    "import": "return Object.keys(await import(['left', 'pad'].join('-')));",
    "require": "return require(['left', 'pad'].join('-'));",
    "resolve": "import.meta.resolve(['left', 'pad'].join('-')); return await import(['npm:left', 'pad'].join('-'));",
    "a URL": "return await import(['https:', 'example.com', 'x.js'].join('/'));",
    "a version": "return await import(['left', 'pad@1.3.0'].join('-'));",
}
REST = """
export async function Run(engine) {
  try { await attack(); } catch (error) { console.log(error.message); }
  return [require("node:fs").readdirSync("/tmp"), require("node:fs").existsSync("/node_modules")];
}
"""


# Bun would fetch what is missing, if it were let.
@pytest.mark.parametrize("name", INSTALLING)
def test_nothing_is_installed_for_an_import(server: Server, name: str) -> None:
    body = f"async function attack() {{ {INSTALLING[name]} }}\n{REST}"
    answer = success(server, alone(server, "javascript", body))
    assert answer.json() == [[], False]
    assert server.logs(answer)  # it failed


@pytest.mark.parametrize("specifier", ["left-pad", "npm:left-pad", "left-pad@1.3.0", "./left-pad", "bun:left-pad"])
def test_an_import_of_what_is_not_there_is_refused(server: Server, specifier: str) -> None:
    ready(server, "javascript")
    source = f"import pad from '{specifier}';\nexport function Run() {{ return pad('x', 5); }}\n"
    params = {"name": "test", "language": "javascript", "type": "endpoint", "project_uuid": "tests"}
    answer = server.client.post("/code", params=params, content=source)
    if answer.status_code == 201:
        failure(server, server.client.post(f"/endpoint/{answer.json()['id']}"), "exception")
    else:
        assert (answer.status_code, answer.json()["error_type"]) == (400, "invalid_source")
