"""A language that nothing of the server names takes one entry in the registry, and works everywhere.

Not through the whole API: the table of codes has a rule of its own on which languages there are, and a migration would
have to widen it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from conformance.toy.language import toy
from harness import TOKEN, until

from codeactions.cli.doctor import diagnose
from codeactions.cli.run import run_file
from codeactions.domain.errors import Error, ErrorCode
from codeactions.http.app import create_app
from codeactions.http.context import ApiContext
from codeactions.node.node import Node
from codeactions.node.settings import Settings
from codeactions.node.wiring import ServerSecrets
from codeactions.runtimes import registry


@asynccontextmanager
async def node(folder: Path, database_url: str, said: list[str]) -> AsyncIterator[ApiContext]:
    """A node that has the toy language and its own, in this process."""
    cache = folder / "cache"
    settings = Settings(data_dir=folder, cache_dir=cache, database_url=database_url, languages="toy", slots=2, warm=1)
    started = Node(settings, ServerSecrets(TOKEN, lambda: ("k" * 32,)), insecure=False, say=said.append)
    context = await started.start()
    try:
        yield context
    finally:
        await started.stop()


async def state(context: ApiContext) -> dict[str, Any]:
    """What /health says of the language to the administrator."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(context)), base_url="http://test") as client:
        answer = await client.get("/health", headers={"Authorization": f"Token {TOKEN}"})
    return dict(answer.json()["parts"]["languages"]["toy"])


async def settled(context: ApiContext) -> dict[str, Any]:
    """The same, when it is no longer `preparing`."""

    async def found() -> dict[str, Any] | None:
        told = await state(context)
        return None if told["state"] == "preparing" else told

    return dict(await until(found, 60, "the end of the preparation"))


async def test_it_is_prepared_tried_and_built_on_a_node(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, said = asyncio.Event(), list[str]()
    monkeypatch.setitem(registry.LANGUAGES, "toy", toy(gate=gate))
    async with node(tmp_path, database_url, said) as context:
        assert await state(context) == {"state": "preparing", "progress": 0.5, "version": "4.2"}
        assert "toy is prepared" not in said
        gate.set()
        assert await settled(context) == {"state": "ready", "version": "4.2"}
        assert "toy is prepared" in said
        builds = context.services.codes._builds
        await builds.check("toy", "log a\nanswer b")
        with pytest.raises(Error) as caught:
            await builds.check("toy", "log a\nsing b")
        expected = "the source is not valid toy: there is no command sing (line 2, column 1)"
        assert (caught.value.code, caught.value.message) == (ErrorCode.INVALID, expected)
        assert caught.value.details == {"error_type": "invalid_source", "line": 2, "column": 1}


async def test_one_that_fails_its_trial_is_taken_down(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setitem(registry.LANGUAGES, "toy", toy(trial="answer limps"))
    async with node(tmp_path, database_url, said) as context:
        found = await settled(context)
        assert found["state"] == "broken"
        assert "no runtime for toy: limps" in found["reason"]
        assert "toy does not work here: limps" in said
        with pytest.raises(Error, match="no runtime for toy: limps") as caught:
            await context.services.codes._builds.check("toy", "answer a")
        assert caught.value.code is ErrorCode.BUSY


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the command line, which knows the language."""
    monkeypatch.setitem(registry.LANGUAGES, "toy", toy())
    monkeypatch.setenv("CODEACTIONS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CODEACTIONS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CODEACTIONS_LANGUAGES", "toy")
    return tmp_path


@pytest.mark.parametrize("name", ["a.toy", "b.TY"])
def test_a_file_is_run_by_its_ending(command_line: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = command_line / name
    file.write_text("log one\nprint tw\nprint o\nanswer three")
    assert run_file(file, params=[], headers=[], body="", method="POST", timeout=10) == 0
    said = capfd.readouterr()
    assert said.out.strip() == "three"
    assert [line.split() for line in said.err.splitlines() if line.startswith("info")] == [
        ["info", "one"],
        ["info", "two"],
    ]


def test_an_invalid_file_is_refused_with_its_line(command_line: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = command_line / "a.toy"
    file.write_text("log one\nlog two\nsing three")
    assert run_file(file, params=[], headers=[], body="", method="POST", timeout=10) == 1
    said = capfd.readouterr()
    assert "line 3: sing\nfailed: invalid_source: there is no command sing" in said.err
    assert said.out == ""


def test_an_unknown_ending_is_told_which_there_are(command_line: Path) -> None:
    file = command_line / "a.txt"
    file.write_text("answer one")
    with pytest.raises(Error, match=r"must be one of \.py, .*, \.toy, \.ty$"):
        run_file(file, params=[], headers=[], body="", method="POST", timeout=10)


@pytest.mark.usefixtures("command_line")
def test_the_doctor_finds_and_tries_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert diagnose()
    said = capfd.readouterr().out
    assert "toy runtime            4.2 (in the tests)" in said
    assert "tried:   toy: preparing (progress 0.5)" in said  # the doctor prepares nothing


def test_the_setting_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Error, match=r"there is no language 'toy'; there are python, go, javascript$"):
        Settings(data_dir=tmp_path, languages="toy").registry()
    monkeypatch.setitem(registry.LANGUAGES, "toy", toy())
    assert list(Settings(data_dir=tmp_path, languages="toy").registry().found) == ["python", "toy"]
