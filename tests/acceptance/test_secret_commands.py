"""`codeactions secret` and `variable`, with a server and without one; the rotation of the key, killed in between."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from harness import Server, clean_environment, wait_until
from terminals import WITH_TERMINAL, Terminal

from codeactions.domain.ids import new_id
from codeactions.identity.cipher import Cipher
from codeactions.postgres.project_values import secret_identity

COMMAND = [sys.executable, "-m", "codeactions"]
SOURCE = """
def Run(engine):
    return {name: values[name] for values in (engine.secrets, engine.variables) for name in values}
"""
MADE, REPLACED = "created secret KEY of project demo\n", "replaced secret KEY of project demo\n"


class Command:
    """The command line, with settings of its own."""

    def __init__(self, **variables: object) -> None:
        self._environment = clean_environment(**{name: str(value) for name, value in variables.items()})

    def run(self, *words: str, value: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run it."""
        return subprocess.run([*COMMAND, *words], env=self._environment, input=value, capture_output=True, timeout=60)

    def __call__(self, *words: str, value: bytes = b"") -> str:
        """Run it, which must succeed; what it prints."""
        done = self.run(*words, value=value)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def refused(self, *words: str, value: bytes = b"") -> str:
        """Run it, which must fail; its last line."""
        done = self.run(*words, value=value)
        assert (done.returncode, done.stdout) == (1, b""), done
        return done.stderr.decode().splitlines()[-1].removeprefix("codeactions: ")

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start it."""
        return subprocess.Popen(
            [*COMMAND, *words], env=self._environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Server:
    """A server with its embedded database."""
    return new_server().start()


@pytest.fixture
def command(server: Server) -> Command:
    """The command line on its data folder."""
    return Command(CODEACTIONS_DATA_DIR=server.data_dir)


def given(server: Server, code: str) -> Any:
    """What a run of a code is given."""
    answer = server.client.get(f"/endpoint/{code}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_running_server_hears_of_what_the_commands_change(server: Server, command: Command) -> None:
    code, other = (server.create(SOURCE, project_uuid="demo") for _ in range(2))
    first = command("secret", "set", "KEY", "--project", "demo", "--code", code, value="the värlue 1\n\n".encode())
    assert first == MADE
    wait_until(lambda: given(server, code) == {"KEY": "the värlue 1\n"}, what="the secret being heard of")
    assert given(server, other) == {}
    assert command("variable", "set", "REGION", "--project", "demo", value=b"eu").startswith("created variable")
    assert command("secret", "set", "KEY", "--project", "demo", value=b"the value 2") == REPLACED
    wait_until(lambda: given(server, code) == {"KEY": "the value 2", "REGION": "eu"}, what="both being heard of")
    assert given(server, other) == {"REGION": "eu"}, "what is replaced stays for its codes"
    assert command("secret", "set", "KEY", "--project", "demo", "--every-code", value=b"the value 3") == REPLACED
    wait_until(lambda: given(server, other) == {"KEY": "the value 3", "REGION": "eu"}, what="it being for all")
    listed = command("secret", "list", "--project", "demo", "--json")
    [row] = json.loads(listed)
    assert (row["name"], row["masked"], row["codes"], row["in_environment"]) == ("KEY", True, "every", True)
    assert "the value" not in listed + command("secret", "list", "--project", "demo")
    assert json.loads(command("variable", "list", "--project", "demo", "--json"))[0]["value"] == "eu"
    assert command("secret", "delete", "KEY", "--project", "demo") == "deleted secret KEY of project demo\n"
    assert command("variable", "delete", "REGION", "--project", "demo") == "deleted variable REGION of project demo\n"
    wait_until(lambda: given(server, code) == {}, what="the deletion being heard of")
    audit = command("audit", "--project", "demo", "--json")
    assert "the value" not in audit
    assert [line["thing"] for line in json.loads(audit)].count("secret") == 4


def test_a_value_comes_from_a_terminal_without_echo(server: Server, command: Command) -> None:
    with Terminal() as terminal:
        process = subprocess.Popen(
            [*WITH_TERMINAL, *COMMAND, "secret", "set", "KEY", "--project", "demo"],
            env=clean_environment(CODEACTIONS_DATA_DIR=str(server.data_dir)),
            stdin=terminal.slave,
            stdout=terminal.slave,
            stderr=terminal.slave,
        )
        terminal.wait_for("Value of KEY: ")
        terminal.type("typed by hand\n")
        assert process.wait(30) == 0
        terminal.wait_for("created secret KEY of project demo")
        assert "typed by hand" not in terminal.seen
    code = server.create(SOURCE, project_uuid="demo")
    assert given(server, code) == {"KEY": "typed by hand"}


def test_what_is_special_about_a_secret_is_told(command: Command) -> None:
    done = command.run("secret", "set", "PATH", "--project", "demo", value=b"short")
    assert done.stdout == b"created secret PATH of project demo\n"
    assert b"under 8 bytes, so it is not masked" in done.stderr
    assert b"this name is no environment variable" in done.stderr
    assert command.run("secret", "set", "LONG", "--project", "demo", value=b"long enough").stderr == b""


def test_mistakes_are_told_in_one_line(server: Server, command: Command) -> None:
    command("variable", "set", "TAKEN", "--project", "demo", value=b"x")
    code = server.create(SOURCE, project_uuid="elsewhere")
    where = ("--project", "demo")
    for words, value, message in (
        (("secret", "set", "A"), b"", "value must not be empty"),
        (("secret", "set", "A"), b"a\0b", "value must not contain the character U+0000"),
        (
            ("secret", "set", "A"),
            b"a\xff",
            "the value must be UTF-8; byte 1 is not. Encode it, for example with base64",
        ),
        (("secret", "set", "A"), b"x" * 70_000, "the value must have at most 65536 bytes"),
        (("secret", "set", "A", "--code", "x"), b"x", "--code must be a UUID"),
        (("secret", "set", "A", "--code", code), b"x", f"there is no code {code} in project demo"),
        (("secret", "set", "A", "--code", code, "--every-code"), b"x", "give --code or --every-code, not both"),
        (("secret", "set", "TAKEN"), b"x", "project demo has a variable 'TAKEN' already"),
        (("secret", "delete", "TAKEN"), b"", "there is no secret 'TAKEN' in project demo"),
        (("variable", "delete", "NOPE"), b"", "there is no variable 'NOPE' in project demo"),
    ):
        assert message in command.refused(*words, *where, value=value), words
    assert command("secret", "list", *where, "--json") == "[]\n"


def test_the_key_is_rotated_while_a_server_runs(
    server: Server, command: Command, new_server: Callable[..., Server]
) -> None:
    file = server.data_dir / "secret.key"
    [first] = file.read_text().split()
    code = server.create(SOURCE, project_uuid="demo")
    command("secret", "set", "KEY", "--project", "demo", value=b"the value of it")
    shared = server.client.put(f"/code/{code}/protection", json={"kind": "hmac"})
    assert shared.status_code == 200
    done = command.run("secret", "rotate-key")
    assert done.returncode == 0
    told = done.stderr.decode()
    assert "a new key was made" in told
    assert "encrypted anew: 2 of 2" in told
    assert "2 secrets are encrypted with the newest key" in told
    assert "the old keys stay in secret.key" in told
    keys = file.read_text().split()
    assert (len(keys), keys[1]) == (2, first)
    assert file.stat().st_mode & 0o777 == 0o600
    server.client.delete(f"/code/{code}/protection")
    assert given(server, code) == {"KEY": "the value of it"}
    # What the server writes from now on is encrypted with the new key: the old one is not needed for it.
    secret = {"project_uuid": "demo", "name": "LATER", "value": "a later value"}
    assert server.client.post("/secret", json=secret).status_code == 201
    assert server.stop() == 0
    file.write_text(keys[0] + "\n")
    server = new_server().start()
    assert given(server, code) == {"KEY": "the value of it", "LATER": "a later value"}
    assert server.client.get("/health").json()["parts"]["secrets"]["unreadable"] == 0


@pytest.fixture
def many(database: psycopg.Connection[Any], database_url: str, tmp_path: Path) -> tuple[Command, list[str]]:
    """A database with more secrets than a batch has; a command for it, and the ids of the secrets in their order."""
    command = Command(CODEACTIONS_DATA_DIR=tmp_path / "data", DATABASE_URL=database_url)
    command("migrate", "up")
    for project in ("a", "b"):
        command("secret", "set", "FIRST", "--project", project, value=b"the value of it")
    key = (tmp_path / "data" / "secret.key").read_text().strip()
    cipher = Cipher(lambda: (key,))
    ids = sorted(new_id() for _ in range(250))
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO project_values (id, project_uuid, name, kind, encrypted) VALUES (%s, %s, %s, 'secret', %s)",
            [
                (one, "a" if number % 2 else "b", f"N{number}",
                 cipher.encrypt("the value of it", secret_identity("a" if number % 2 else "b", f"N{number}", one)))
                for number, one in enumerate(ids)
            ],
        )  # fmt: skip
    return command, [str(one) for one in ids]


def test_a_rotation_that_is_killed_is_finished_by_the_next_one(
    many: tuple[Command, list[str]], database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    command, ids = many
    file = tmp_path / "data" / "secret.key"
    before = database.execute("SELECT updated_at FROM project_values WHERE id = %s", (ids[-1],)).fetchone()
    with database.transaction():
        database.execute("SELECT id FROM project_values WHERE id = %s FOR UPDATE", (ids[-1],))
        process = command.start("secret", "rotate-key")
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert next(line for line in lines if "encrypted anew" in line) == "encrypted anew: 100 of 252\n"
        assert "another rotation of keys runs right now" in command.refused("secret", "rotate-key")
        process.kill()
        process.wait(10)
        process.stderr.close()
    keys = file.read_text().split()
    assert len(keys) == 2
    stale = "SELECT count(*) FROM project_values WHERE substring(encrypted FROM 1 FOR 9) <> %s"

    def finished() -> "subprocess.CompletedProcess[bytes] | None":
        """The killed one's session, which has the lock, may live on for a moment."""
        done = command.run("secret", "rotate-key")
        return None if b"another rotation" in done.stderr else done

    done = wait_until(finished, 60, "the lock being free")
    assert done.returncode == 0, done.stderr
    assert b"a rotation before this one had not come to its end, and is finished now" in done.stderr
    assert file.read_text().split() == keys
    newest = Cipher(lambda: (keys[0],)).newest
    assert database.execute(stale, (newest,)).fetchone() == (0,)
    assert database.execute("SELECT updated_at FROM project_values WHERE id = %s", (ids[-1],)).fetchone() == before
    again = command.run("secret", "rotate-key")
    assert again.returncode == 0
    assert len(file.read_text().split()) == 3


def test_a_secret_that_no_key_opens_is_named_and_stays(
    many: tuple[Command, list[str]], database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    command, ids = many
    database.execute("UPDATE project_values SET encrypted = encrypted || '\\x00'::bytea WHERE id = %s", (ids[5],))
    broken = database.execute("SELECT encrypted, name FROM project_values WHERE id = %s", (ids[5],)).fetchone()
    assert broken is not None
    for keys in (2, 3):  # it is no reason to make no new keys any more
        message = command.refused("secret", "rotate-key")
        assert message == (
            f"1 secrets cannot be read with any key, and stay as they are: secret '{broken[1]}' of project a"
        )
        assert len((tmp_path / "data" / "secret.key").read_text().split()) == keys
    assert database.execute("SELECT encrypted, name FROM project_values WHERE id = %s", (ids[5],)).fetchone() == broken


def test_with_a_setting_the_first_key_is_taken(
    many: tuple[Command, list[str]], database_url: str, tmp_path: Path, new_server: Callable[..., Server]
) -> None:
    old, new = (tmp_path / "data" / "secret.key").read_text().strip(), "the-new-key-of-all-servers"
    place = {"CODEACTIONS_DATA_DIR": tmp_path / "other", "DATABASE_URL": database_url}
    for keys in ("neither-of-the-keys-there-are", new):
        message = Command(CODEACTIONS_SECRET_KEY=keys, **place).refused("secret", "rotate-key")
        assert message.startswith("the secrets of this database are not encrypted with CODEACTIONS_SECRET_KEY")
    done = Command(CODEACTIONS_SECRET_KEY=f"{new}, {old}", **place).run("secret", "rotate-key")
    assert done.returncode == 0, done.stderr
    assert b"252 secrets are encrypted with the newest key" in done.stderr
    server = new_server(database_url=database_url, secret_key=new).start()
    code = server.create(SOURCE, project_uuid="a")
    assert len(given(server, code)) == 126


def test_without_the_servers_key_nothing_is_stored(
    many: tuple[Command, list[str]], database_url: str, tmp_path: Path
) -> None:
    command = Command(CODEACTIONS_DATA_DIR=tmp_path / "other", DATABASE_URL=database_url)
    message = command.refused("secret", "set", "KEY", "--project", "a", value=b"x")
    assert message.startswith(f"there is no {tmp_path / 'other' / 'secret.key'}, and this database has secrets: set")
    assert not (tmp_path / "other" / "secret.key").exists()
    place = {"CODEACTIONS_DATA_DIR": tmp_path / "other", "DATABASE_URL": database_url}
    other = Command(CODEACTIONS_SECRET_KEY="x" * 20, **place)
    message = other.refused("secret", "set", "KEY", "--project", "a", value=b"x")
    assert message.startswith(
        "the secrets of this database are not encrypted with CODEACTIONS_SECRET_KEY: give the key"
    )
