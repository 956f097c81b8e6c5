"""`codeactions project`, `permission`, `token` and `audit`, with a server and without one."""

import getpass
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from harness import Server, clean_environment, wait_until

from codeactions.cli.database import shared_database
from codeactions.node.settings import read_settings


class Command:
    """The command line on a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._environment = clean_environment(CODEACTIONS_DATA_DIR=str(data_dir))

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run it."""
        command = [sys.executable, "-m", "codeactions", *words]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60)

    def __call__(self, *words: str) -> str:
        """Run it, which must succeed; what it prints."""
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        """Run it, which must fail with one line; what that says."""
        done = self.run(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("codeactions: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix("codeactions: ").strip()


def status(server: Server, token: str, path: str) -> int:
    return httpx.get(server.base + path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_running_server_hears_of_what_the_commands_change(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    command = Command(server.data_dir)
    made = command("project", "create", "Demo", "--uuid", "demo", "--moderator", "Ana@Example.com").strip()
    assert made == "demo"
    project = server.client.get("/project/demo").json()
    assert (project["name"], project["authorizations"]) == ("Demo", [{"email": "ana@example.com", "role": 3}])

    token = command("token", "create", "ci", "--email", "bo@example.com", "--days", "7").strip()
    assert token.startswith("ca_")
    assert status(server, token, "/project/demo") == 404
    command("permission", "set", "demo", "bo@example.com", "viewer")
    wait_until(lambda: status(server, token, "/project/demo") == 200, what="the permission being heard of")
    command("permission", "set", "demo", "bo@example.com", "moderator")
    wait_until(lambda: status(server, token, "/audit?project_uuid=demo") == 200, what="the role being heard of")
    listed = [line.split()[:2] for line in command("permission", "list", "demo").splitlines()[1:]]
    assert listed == [["ana@example.com", "moderator"], ["bo@example.com", "moderator"]]
    users = [{"email": "ana@example.com", "role": "moderator"}, {"email": "bo@example.com", "role": "moderator"}]
    assert json.loads(command("project", "show", "demo", "--json"))["users"] == users
    assert "bo@example.com  moderator" in command("project", "show", "demo")
    command("permission", "remove", "demo", "bo@example.com")
    wait_until(lambda: status(server, token, "/project/demo") == 404, what="the removal being heard of")

    [row] = json.loads(command("token", "list", "--json"))
    assert (row["name"], row["of"], row["revoked_at"]) == ("ci", "bo@example.com", None)
    assert token not in json.dumps(row)
    assert status(server, token, "/project") == 200
    assert row["manage_tokens"] is False
    command("token", "create", "manager", "--email", "bo@example.com", "--manage-tokens")
    assert json.loads(command("token", "list", "--json"))[0]["manage_tokens"] is True
    command("token", "revoke", row["id"])
    wait_until(lambda: status(server, token, "/project") == 401, what="the revocation being heard of")

    lines = json.loads(command("audit", "--json"))
    deeds = [(line["action"], line["thing"]) for line in reversed(lines)]
    assert deeds == [
        *(("create", "project"), ("create", "token"), ("create", "permission"), ("update", "permission")),
        *(("delete", "permission"), ("create", "token"), ("revoke", "token")),
    ]
    assert {line["actor"] for line in lines} == {f"command line, {getpass.getuser()}"}
    assert [line["thing_id"] for line in json.loads(command("audit", "--project", "demo", "--json"))][-1] == "demo"


def test_the_commands_need_no_server(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.create("def Run(engine): pass\n", project_uuid="demo")
    assert server.stop() == 0
    command = Command(server.data_dir)
    uuid = command("project", "create", "Without a uuid").strip()
    command("project", "create", "Demo", "--uuid", "demo")
    command("project", "rename", uuid, "Renamed \x1b[31mred")
    shown = command("project", "show", "demo").splitlines()
    assert [line.split() for line in shown[:3]] == [["uuid", "demo"], ["name", "Demo"], ["users", "0"]]
    table = command("project", "list").splitlines()
    assert table[0].split() == ["uuid", "name", "users", "created_at"]
    assert [line.split()[0] for line in table[1:]] == [uuid, "demo"]
    assert "\x1b" not in "".join(table), "what others named must not reach the terminal"
    command("project", "delete", uuid)
    assert [row["uuid"] for row in json.loads(command("project", "list", "--json"))] == ["demo"]
    assert "has 1 codes" in command.refused("project", "delete", "demo")
    assert new_server().start().client.get("/project").json()["total"] == 1


def test_mistakes_are_told_in_one_line(new_server: Callable[..., Server], tmp_path: Path) -> None:
    server = new_server().start()
    command = Command(server.data_dir)
    command("project", "create", "Demo", "--uuid", "demo")
    for words, message in {
        ("project", "create", "Again", "--uuid", "demo"): "there is a project demo already",
        ("project", "rename", "nope", "x"): "there is no project nope",
        ("project", "delete", "nope"): "there is no project nope",
        ("permission", "set", "nope", "a@b.c", "viewer"): "there is no project nope",
        ("permission", "set", "demo", "a@b.c", "king"): "role must be 1 (viewer), 2 (contributor) or 3 (moderator)",
        ("permission", "set", "demo", "nobody", "viewer"): "email must be an address such as ana@example.com",
        ("permission", "remove", "demo", "a@b.c"): "a@b.c has no role in project demo",
        ("project", "show", "nope"): "there is no project nope",
        (
            "token",
            "create",
            "x",
        ): "give either --email, the user it stands for, or --project, the project it belongs to",
        ("token", "create", "x", "--project", "demo"): (
            "--role is missing: it must be 1 (viewer), 2 (contributor) or 3 (moderator)"
        ),
        ("token", "revoke", "x"): "token_id must be a UUID such as 0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f",
        (
            "audit",
            "--after",
            "yesterday",
        ): "--after 'yesterday' is not a time with a time zone: write it as 2026-11-23T06:00:00Z",
    }.items():
        assert command.refused(*words) == message, words
    nowhere = Command(tmp_path / "nowhere")
    assert (
        nowhere.refused("project", "list")
        == f"there is no database in {tmp_path / 'nowhere'}: check CODEACTIONS_DATA_DIR"
    )


@pytest.mark.parametrize("words", [("project", "list"), ("permission", "list", "none"), ("token", "list")])
def test_an_empty_list_says_so(new_server: Callable[..., Server], words: tuple[str, ...]) -> None:
    server = new_server().start()
    done = Command(server.data_dir).run(*words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "none\n")
    assert Command(server.data_dir)(*words, "--json") == "[]\n"


def test_a_role_is_taken_away_under_every_spelling_of_the_address(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    command = Command(server.data_dir)
    command("project", "create", "Demo", "--uuid", "demo")

    def roles() -> list[tuple[str, str]]:
        rows = json.loads(command("permission", "list", "demo", "--json"))
        return sorted((row["email"], row["role"]) for row in rows)

    def two_spellings() -> None:
        """As other programs leave them."""
        rows = "('demo', 'Ana@x.y', 3), ('demo', 'ana@x.y', 2)"
        insert = f"INSERT INTO user_permissions (project_uuid, email, role) VALUES {rows}".encode()
        with shared_database(read_settings(data_dir=server.data_dir)) as url, psycopg.connect(url) as connection:
            connection.execute(insert)

    two_spellings()
    command("permission", "set", "demo", "ANA@X.Y", "viewer")
    assert roles() == [("ana@x.y", "viewer")]
    command("permission", "remove", "demo", "Ana@x.y")
    assert roles() == []
    two_spellings()
    command("permission", "remove", "demo", "ana@X.y")
    assert roles() == []
    assert command.refused("permission", "remove", "demo", "ana@x.y") == "ana@x.y has no role in project demo"
    command("permission", "set", "demo", "Ü@x.y", "viewer")
    command("permission", "remove", "demo", "Ü@x.y")
    assert roles() == []
