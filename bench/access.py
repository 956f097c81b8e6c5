"""`python -m bench.access`: measure the cost of recognising a caller, compared with the administrator's token.

Each kind of caller sends the same request in turn, on one kept-alive connection. Limits are counted, as by default.
"""

import argparse
import contextlib
import http.client
import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from bench.command import carry_out, say
from bench.processes import BenchError
from bench.server import HELLO, Server
from bench.stats import percentile, spread
from bench.tables import table

_ADMINISTRATOR = "the administrator's token"
_BAR_MS = 0.3
_MANY = str(10**9)


@contextlib.contextmanager
def _issuer() -> Iterator[tuple[str, RSAKey]]:
    """Run an OIDC issuer that only publishes its keys. The caller signs the tokens itself."""
    key = RSAKey.generate_key(2048, parameters={"kid": "bench"})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the discovery document or the keys."""
            base = f"http://127.0.0.1:{self.server.server_address[1]}"
            found: Any = {"issuer": base, "jwks_uri": f"{base}/keys"}
            if self.path == "/keys":
                found = KeySet([key]).as_dict(private=False)
            content = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", key
    finally:
        server.shutdown()
        server.server_close()


def _callers(server: Server, issuer: str, key: RSAKey) -> dict[str, str]:
    """Return an Authorization header for each kind of caller."""
    users = [{"email": f"user{number}@example.com", "role": 2} for number in range(50)]
    server.post("/project", {"uuid": "bench", "name": "Bench", "authorizations": users})
    user = users[0]["email"]
    of_project = server.post("/token", {"name": "bench", "project_uuid": "bench", "role": 2})["token"]
    of_user = server.post("/token", {"name": "bench", "email": user})["token"]
    now = int(time.time())
    claims = {"iss": issuer, "aud": "bench", "sub": "0", "email": user, "iat": now, "exp": now + 3600}
    identity = jwt.encode({"alg": "RS256", "kid": "bench"}, claims, key)
    return {
        _ADMINISTRATOR: server.authorization,
        "an API token of a project": f"Bearer {of_project}",
        "an API token of a user": f"Bearer {of_user}",
        "an identity token": f"Bearer {identity}",
    }


def measure(server: Server, callers: dict[str, str], rounds: int, calls: int) -> dict[str, dict[str, list[float]]]:
    """Return the p50 of each round in milliseconds, by request and caller. Raises `BenchError`."""
    code = server.deploy(HELLO)
    requests = {"GET /code/{id}": ("GET", f"/code/{code}"), "POST /run/{id}": ("POST", f"/run/{code}?name=x")}
    found: dict[str, dict[str, list[float]]] = {name: {caller: [] for caller in callers} for name in requests}
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    for number in range(rounds):
        for name, (method, path) in requests.items():
            taken: dict[str, list[float]] = {caller: [] for caller in callers}
            for turn in range(calls):
                # In turn, call by call, so that other load on the machine affects all of them.
                for caller in callers if turn % 2 == 0 else reversed(callers):
                    began = time.perf_counter()
                    connection.request(method, path, headers={"Authorization": callers[caller]})
                    answer = connection.getresponse()
                    content = answer.read()
                    taken[caller].append((time.perf_counter() - began) * 1000)
                    if answer.status != 200:
                        raise BenchError(f"{caller}: {name} answered {answer.status}: {content[:200]!r}")
            for caller, times in taken.items():
                found[name][caller].append(percentile(times, 50))
        say(f"round {number + 1} of {rounds}")
    return found


def main() -> int:
    """Measure and print. Returns the exit code: 0 if it could be measured, whatever the verdict."""
    parser = argparse.ArgumentParser(prog="python -m bench.access", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=150, help="per round, request and caller")
    arguments = parser.parse_args()

    def work(stack: contextlib.ExitStack) -> bool:
        issuer, key = stack.enter_context(_issuer())
        settings = {"oidc_issuer": issuer, "oidc_audience": "bench", "rate_code": _MANY, "rate_caller": _MANY}
        server = Server(stack, languages="python", **settings)
        found = measure(server, _callers(server, issuer, key), arguments.rounds, arguments.calls)
        rows, worst = [], 0.0
        for request, callers in found.items():
            for caller, times in callers.items():
                more = spread([one - other for one, other in zip(times, callers[_ADMINISTRATOR], strict=True)])
                worst = max(worst, more.median)
                rows.append([request, caller, str(spread(times)), str(more)])
        print(table(["request", "caller", "p50 ms", "more than the administrator, ms"], rows))
        verdict = "ok" if worst <= _BAR_MS else "MISSED"
        print(f"\n{verdict}: at most {_BAR_MS} ms more than {_ADMINISTRATOR}: {worst:.3f} ms")
        return True

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
