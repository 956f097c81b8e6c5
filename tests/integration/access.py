"""One table of every route and every kind of caller, and a scene with all of them."""

import itertools
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from harness import Server
from issuer import Issuer

# What each kind of caller is answered, by what it is in the project that the request is about. `stranger` has a role in
# another project and none in this one; `everywhere` is the administrator or an internal service. `0` is 200 with an
# empty list: nothing is told, not even that there is something. A new route without a row here fails the tests.
TABLE = """
route                                          nobody stranger viewer contributor moderator everywhere
POST   /code?project_uuid={p}                  401    404      403    201         201       201
POST   /code {project_uuid: p}                 401    404      403    201         201       201
GET    /code?project_uuid={p}                  401    0        200    200         200       200
GET    /code/{code}                            401    404      200    200         200       200
POST   /admin/code?project_uuid={p}            401    404      403    201         201       201
PATCH  /admin/code/{code}?name=x               401    404      403    200         200       200
PATCH  /code/{code}?name=x                     401    404      403    200         200       200
PATCH  /code/{code} {name: x}                  401    404      403    200         200       200
DELETE /code/{code}                            401    404      403    403         204       204
GET    /code/{code}/versions                   401    404      200    200         200       200
GET    /code/{code}/versions/1                 401    404      200    200         200       200
GET    /code/{code}/versions/1/diff            401    404      200    200         200       200
POST   /code/{code}/rollback?version=1         401    404      403    200         200       200
POST   /code/{code}/rollback {version: 1}      401    404      403    200         200       200
POST   /code/{code}/try                        401    404      403    200         200       200
GET    /code/{code}/protection                 401    404      200    200         200       200
PUT    /code/{code}/protection {kind: token}   401    404      403    403         200       200
DELETE /code/{code}/protection                 401    404      403    403         204       204
POST   /run/{code}                             401    404      403    200         200       200
GET    /coderun/{run}                          401    404      200    200         200       200
GET    /coderun?code_id={code}                 401    0        200    200         200       200
GET    /coderun?project_uuid={p}               401    0        200    200         200       200
GET    /codelog/{log}                          401    404      200    200         200       200
GET    /codelog?run_id={run}                   401    0        200    200         200       200
GET    /codelog?code_id={code}                 401    0        200    200         200       200
GET    /codelog?project_uuid={p}               401    0        200    200         200       200
POST   /project?name=x                         401    403      403    403         403       201
POST   /project {name: x}                      401    403      403    403         403       201
GET    /project                                401    200      200    200         200       200
GET    /project/{p}                            401    404      200    200         200       200
PATCH  /project/{p}?name=x                     401    404      403    403         200       200
PATCH  /project/{p} {authorizations: same}     401    404      403    403         200       200
DELETE /project/{p}                            401    404      403    403         409       409
POST   /permission?project_uuid={p}&role=1     401    404      403    403         201       201
POST   /permission {project_uuid: p, role: 1}  401    404      403    403         201       201
GET    /permission?project_uuid={p}            401    0        200    200         200       200
GET    /permission/{permission}                401    404      200    200         200       200
PATCH  /permission/{permission}?role=2         401    404      403    403         200       200
DELETE /permission/{permission}                401    404      403    403         204       204
POST   /token {project_uuid: p, role: 1}       401    404      403    403         201       201
GET    /token?project_uuid={p}                 401    404      403    403         200       200
GET    /token/{token}                          401    404      403    403         200       200
DELETE /token/{token}                          401    404      403    403         204       204
POST   /secret?project_uuid={p}                401    404      403    403         201       201
POST   /secret {project_uuid: p}               401    404      403    403         201       201
GET    /secret?project_uuid={p}                401    0        200    200         200       200
GET    /secret/{secret}                        401    404      200    200         200       200
PATCH  /secret/{secret} {value: x}             401    404      403    403         200       200
DELETE /secret/{secret}                        401    404      403    403         204       204
POST   /variable?project_uuid={p}              401    404      403    403         201       201
POST   /variable {project_uuid: p}             401    404      403    403         201       201
GET    /variable?project_uuid={p}              401    0        200    200         200       200
GET    /variable/{variable}                    401    404      200    200         200       200
PATCH  /variable/{variable}?value=x            401    404      403    403         200       200
PATCH  /variable/{variable} {value: x}         401    404      403    403         200       200
DELETE /variable/{variable}                    401    404      403    403         204       204
GET    /audit?project_uuid={p}                 401    404      403    403         200       200
GET    /audit                                  401    403      403    403         403       200
GET    /metrics                                401    403      403    403         403       200
GET    /docs                                   401    200      200    200         200       200
GET    /docs/favicon.png                       401    200      200    200         200       200
GET    /openapi.json                           401    200      200    200         200       200
GET    /                                       200    200      200    200         200       200
GET    /health                                 200    200      200    200         200       200
GET    /healthz                                200    200      200    200         200       200
GET    /endpoint/{code}                        200    200      200    200         200       200
GET    /action/endpoint/{code}                 200    200      200    200         200       200
GET    /endpoint/{closed}                      401    404      403    200         200       200
POST   /action/endpoint/{closed}/path          401    404      403    200         200       200
GET    /endpoint/{p}/{closed_name}             401    404      403    200         200       200
GET    /action/endpoint/{p}/{closed_name}/path 401    404      403    200         200       200
"""
P, OTHER = "project-p", "project-other"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    method: str
    path: str
    body: str
    expected: dict[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.body}".strip()

    @property
    def bare(self) -> str:
        """Method and path without parameters."""
        return f"{self.method} {self.path.partition('?')[0]}"


def rows() -> list[Row]:
    """The table, read."""
    head, *lines = TABLE.strip().splitlines()
    columns = head.split()[1:]
    found = []
    for line in lines:
        request, cells = line[: head.index("nobody")].split(maxsplit=2), line[head.index("nobody") :].split()
        method, path, body = [*request, ""][:3]
        found.append(Row(method, path, body.strip(), dict(zip(columns, cells, strict=True))))
    return found


@dataclass(frozen=True)
class Who:
    """A kind of caller: the column it stands in, and its Authorization header."""

    column: str
    authorization: str | None
    is_token: bool = False
    manages_tokens: bool = False


# What is sent for a row's body.
BODIES = {
    "{kind: token}": {"kind": "token"},
    "{value: x}": {"value": "another value"},
    "{version: 1}": {"version": 1},
    "{name: x}": {"name": "x"},
}


class Scene:
    """A server with an issuer, two projects, and all kinds of callers."""

    def __init__(self, server: Server, issuer: Issuer, database_url: str) -> None:
        self.server = server
        self.issuer = issuer
        self.database_url = database_url
        self.http = httpx.Client(base_url=server.base, timeout=30)
        self._numbers = itertools.count()
        for uuid in (P, OTHER):
            self.admin("POST", "/project", json={"uuid": uuid, "name": uuid, "authorizations": self.members(uuid)})

    @staticmethod
    def members(uuid: str) -> list[dict[str, Any]]:
        """Who is in a project."""
        if uuid == OTHER:
            return [{"email": "stranger@example.com", "role": 3}]
        roles = {"viewer": 1, "contributor": 2, "moderator": 3}
        return [{"email": f"{name}@example.com", "role": role} for name, role in roles.items()]

    def admin(self, method: str, path: str, **request: Any) -> Any:
        """A call that must succeed."""
        answer = self.server.client.request(method, path, **request)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def sign_in(self, user: str, **claims: Any) -> str:
        """An Authorization header with an identity token."""
        return f"Bearer {self.issuer.sign_in(user, email=f'{user}@example.com', **claims).identity}"

    def token(self, **fields: Any) -> str:
        """An Authorization header with an API token."""
        return f"Token {self.admin('POST', '/token', json={'name': 'x', **fields})['token']}"

    def callers(self) -> dict[str, Who]:
        """Every kind of caller."""
        moderator = "moderator@example.com"
        admin = str(self.server.client.headers["authorization"])
        gone = self.admin("POST", "/token", json={"name": "x", "project_uuid": P, "role": 3})
        self.admin("DELETE", f"/token/{gone['id']}")
        old = self.token(project_uuid=P, role=3, expires_in_days=1)
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE expires_at > now()"
            )
        return {
            "nobody": Who("nobody", None),
            "garbage": Who("nobody", "Bearer garbage"),
            "an unknown API token": Who("nobody", "Bearer ca_" + "x" * 43),
            "a revoked API token": Who("nobody", f"Bearer {gone['token']}"),
            "an expired API token": Who("nobody", old),
            "a user of the other project": Who("stranger", self.sign_in("stranger")),
            "a user of no project": Who("stranger", self.sign_in("nowhere")),
            "a user whose address is not verified": Who("stranger", self.sign_in("moderator2", email_verified=False)),
            "a viewer": Who("viewer", self.sign_in("viewer")),
            "a contributor": Who("contributor", self.sign_in("contributor")),
            "a moderator": Who("moderator", self.sign_in("moderator")),
            "an internal service": Who("everywhere", self.sign_in("service", internal=True)),
            "the administrator": Who("everywhere", admin),
            "a moderator's token for viewing": Who("viewer", self.token(email=moderator, role=1), True),
            "a moderator's token for contributing": Who("contributor", self.token(email=moderator, role=2), True),
            "a moderator's token": Who("moderator", self.token(email=moderator), True),
            "a moderator's token that manages tokens": Who(
                "moderator", self.token(email=moderator, manage_tokens=True), True, manages_tokens=True
            ),
            "a contributor's token that manages tokens": Who(
                "contributor",
                self.token(email="contributor@example.com", manage_tokens=True),
                True,
                manages_tokens=True,
            ),
            "a viewer's token that manages tokens": Who(
                "viewer", self.token(email="viewer@example.com", manage_tokens=True), True, manages_tokens=True
            ),
            "a stranger's token that manages tokens": Who(
                "stranger", self.token(email="stranger@example.com", manage_tokens=True), True, manages_tokens=True
            ),
            "a viewer's token": Who("viewer", self.token(email="viewer@example.com"), True),
            "a stranger's token": Who("stranger", self.token(email="stranger@example.com"), True),
            "the project's token for viewing": Who("viewer", self.token(project_uuid=P, role=1), True),
            "the project's token for contributing": Who("contributor", self.token(project_uuid=P, role=2), True),
            "the project's token for moderating": Who("moderator", self.token(project_uuid=P, role=3), True),
            "the other project's token": Who("stranger", self.token(project_uuid=OTHER, role=3), True),
        }

    def things(self) -> dict[str, str]:
        """New things of the project, so that one request does not spoil the next."""
        source = "def Run(engine):\n    engine.log.info('said')\n    return 'ran'\n"
        closed_name = f"closed{next(self._numbers)}"
        code = self.server.create(source, project_uuid=P)
        closed = self.server.create(source, project_uuid=P, name=closed_name)
        self.admin("PUT", f"/code/{closed}/protection", json={"kind": "token"})
        run = self.server.client.get(f"/endpoint/{code}").headers["x-run-id"]
        log = self.admin("GET", "/codelog", params={"run_id": run})["data"][0]["id"]
        email = f"new{next(self._numbers)}@example.com"
        permission = self.admin("POST", "/permission", json={"project_uuid": P, "email": email, "role": 1})["id"]
        token = self.admin("POST", "/token", json={"name": "x", "project_uuid": P, "role": 1})["id"]
        name = f"N{next(self._numbers)}"
        fields = {"project_uuid": P, "name": name, "value": "the value of it"}
        self.drop_values()
        secret = self.admin("POST", "/secret", json=fields)["id"]
        variable = self.admin("POST", "/variable", json={**fields, "name": f"{name}_2"})["id"]
        return {
            "p": P,
            "code": code,
            "closed": closed,
            "closed_name": closed_name,
            "run": run,
            "log": log,
            "permission": permission,
            "token": token,
            "secret": secret,
            "variable": variable,
        }

    def drop_values(self) -> None:
        """Delete every value of both projects: a project has room for a number of them."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("DELETE FROM project_values")

    def send(self, row: Row, who: Who, things: dict[str, str]) -> httpx.Response:
        """The request of a row."""
        path = row.path
        for name, value in things.items():
            path = path.replace(f"{{{name}}}", value)
        request: dict[str, Any] = {}
        fresh = f"fresh{next(self._numbers)}@example.com"
        if row.bare in ("POST /code", "POST /admin/code"):
            fields = {"name": "x", "language": "python", "type": "flow"}
            if row.body:
                request["json"] = {**fields, "project_uuid": P, "source": "def Run(e): pass"}
            else:
                path += "&" + "&".join(f"{name}={value}" for name, value in fields.items())
                request["content"] = b"def Run(e): pass"
        elif row.bare == "POST /permission":
            path += f"&email={fresh}" if not row.body else ""
            request["json"] = {"project_uuid": P, "role": 1, "email": fresh} if row.body else {}
        elif row.body == "{authorizations: same}":
            request["json"] = {"authorizations": self.admin("GET", f"/project/{P}")["authorizations"]}
        elif row.bare == "POST /token":
            request["json"] = {"name": "x", "project_uuid": P, "role": 1}
        elif row.bare in ("POST /secret", "POST /variable"):
            fields = {"name": fresh, "value": "the value of it"}
            path += "" if row.body else f"&name={fresh}"
            request["json"] = {**fields, "project_uuid": P} if row.body else {"value": "the value of it"}
        elif row.body in BODIES:
            request["json"] = BODIES[row.body]
        if row.path == "/code/{code}/protection" and row.method != "PUT":
            path = path.replace(things["code"], things["closed"])
        headers = {"Authorization": who.authorization} if who.authorization else {}
        return self.http.request(row.method, path, headers=headers, **request)
