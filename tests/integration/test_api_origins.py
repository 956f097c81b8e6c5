"""Browsers: which pages may call, what pages of endpoints may not, and a host of their own for these."""

from collections.abc import Iterator

import httpx
import pytest
from harness import Server, running_server

PAGE = "def Run(engine):\n    engine.result.set('<script>1</script>', content_type='html')\n"
ORIGIN = "https://app.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
HOST = "run.example.com"


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[Server]:
    """A server that pages of one origin may call, behind a proxy, with a host for endpoints."""
    settings = {"cors_origins": f"{ORIGIN}/, https://other.example.com", "trusted_proxies": "127.0.0.1"}
    folder = tmp_path_factory.mktemp("open")
    with running_server(folder, module_database_url, languages="python", **settings) as server:
        yield server


@pytest.fixture(scope="module")
def split_server(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[Server]:
    """A server whose endpoints have a host of their own."""
    folder = tmp_path_factory.mktemp("split")
    with running_server(folder, module_database_url, languages="python", endpoint_host=HOST) as server:
        yield server


def test_no_page_of_another_origin_may_call_unless_it_is_named(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    return engine.request.method\n")
    for path in ("/project", f"/endpoint/{code_id}"):
        answer = server.client.get(path, headers={"Origin": ORIGIN})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
    # A preflight is a call like any other, which the code may answer itself.
    assert server.client.options(f"/endpoint/{code_id}", headers={"Origin": ORIGIN, **PREFLIGHT}).text == "OPTIONS"


def test_pages_of_a_named_origin_may_call_the_api_and_endpoints(open_server: Server) -> None:
    code_id = open_server.create(PAGE)
    for path in ("/project", f"/endpoint/{code_id}"):
        preflight = httpx.options(open_server.base + path, headers={"Origin": ORIGIN, **PREFLIGHT})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        answer = open_server.client.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in answer.headers
        assert "X-Run-Id" in answer.headers["access-control-expose-headers"]


def test_pages_of_other_origins_may_not(open_server: Server) -> None:
    for origin in ("https://evil.example.com", "null", f"{ORIGIN}.evil.example.com"):
        preflight = httpx.options(f"{open_server.base}/project", headers={"Origin": origin, **PREFLIGHT})
        assert preflight.status_code == 400
        answer = open_server.client.get("/project", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_an_endpoint_has_an_origin_of_its_own(server: Server) -> None:
    answer = server.client.get(f"/endpoint/{server.create(PAGE)}")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:8050"])
def test_at_the_host_of_endpoints_there_is_nothing_else(split_server: Server, host: str) -> None:
    code_id = split_server.client.post(
        "/code?name=x&type=endpoint&language=python&project_uuid=p", content=PAGE
    ).json()["id"]
    at = {"Host": host}
    for prefix in ("/endpoint", "/action/endpoint"):
        assert split_server.client.get(f"{prefix}/{code_id}", headers=at).text == "<script>1</script>"
        elsewhere = split_server.client.get(f"{prefix}/{code_id}")
        assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (404, "not_found")
    for path in ("/project", "/docs", "/health", f"/code/{code_id}", "/metrics"):
        assert split_server.client.get(path, headers=at).status_code == 404, path
        assert split_server.client.get(path).status_code == 200, path
    assert split_server.client.get("/healthz", headers=at).status_code == 200
    assert split_server.client.get("/healthz").status_code == 200


def test_an_address_that_a_caller_claims_counts_only_from_a_trusted_proxy(open_server: Server, server: Server) -> None:
    claimed = {"X-Forwarded-For": "203.0.113.7"}
    for one, address in ((open_server, "203.0.113.7"), (server, "127.0.0.1")):
        made = one.client.post("/project", json={"name": "x"}, headers=claimed).json()
        lines = one.client.get("/audit", params={"project_uuid": made["uuid"]}).json()["data"]
        assert [line["address"] for line in lines] == [address]
