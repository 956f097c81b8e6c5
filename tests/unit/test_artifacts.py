"""The store of what builds made."""

import os
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codeactions.domain.errors import Error, ErrorCode
from codeactions.execution import artifacts
from codeactions.execution.artifacts import ArtifactStore

DAY = 86400.0


class Clock:
    """Seconds since 1970, which stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_was_put_is_there_in_this_store_and_in_another_one(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "a", 1000)
    store.put("k", b"made")
    assert store.read("k") == b"made"
    other = ArtifactStore(tmp_path / "a", 1000)
    assert other.read("k") == other.read("k") == b"made"
    assert other.read("other") is None
    assert other.program("other") is None


def test_a_program_is_a_sealed_copy_that_is_executed_by_its_descriptor(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "a", 1000)
    store.put("k", Path("/bin/true").read_bytes())
    descriptor = store.program("k")
    assert descriptor is not None
    try:
        os.fchmod(descriptor, 0o777)
        assert not os.get_inheritable(descriptor)
        assert os.readlink(f"/proc/self/fd/{descriptor}").startswith("/memfd:program")
        writing = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)
        for attempt in (lambda: os.write(writing, b"x"), lambda: os.ftruncate(writing, 0)):
            with pytest.raises(PermissionError):
                attempt()
        os.close(writing)
        assert subprocess.run([f"/proc/self/fd/{descriptor}"], pass_fds=[descriptor]).returncode == 0
    finally:
        os.close(descriptor)
    again = store.program("k")
    assert again is not None
    assert stat.S_IMODE(os.fstat(again).st_mode) == 0o555
    os.close(again)
    store.close()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_programs_in_memory_are_bounded_and_their_descriptors_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "_MOST_IN_PROGRAMS", 250)
    store = ArtifactStore(tmp_path, 1 << 30)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(10):
        store.put(str(number), b"x" * 100)
        descriptor = store.program(str(number))
        assert descriptor is not None
        os.close(descriptor)
    assert len(os.listdir("/proc/self/fd")) == before + 2
    store.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_key_tells_every_source_and_every_runtime_apart() -> None:
    keys = {ArtifactStore.key(*parts) for parts in (("go 1", "a"), ("go 1", "b"), ("go 2", "a"), ("go 1a", ""))}
    assert len(keys) == 4
    assert all(len(key) == 64 for key in keys)


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    clock = Clock()
    store = ArtifactStore(tmp_path, 250, clock)
    for key in ("a", "b", "c"):
        store.put(key, b"x" * 100) if key != "c" else None
        os.utime(tmp_path / key, (clock.now, clock.now)) if key != "c" else None
        clock.now += DAY
    assert ArtifactStore(tmp_path, 250, clock).read("a") is not None  # used again
    store.put("c", b"x" * 100)
    assert names(tmp_path) == {"a", "c"}


@pytest.mark.parametrize("use", [ArtifactStore.read, ArtifactStore.program], ids=["read", "program"])
def test_what_is_used_from_memory_counts_as_used(tmp_path: Path, use: Callable[[ArtifactStore, str], object]) -> None:
    clock = Clock()
    store = ArtifactStore(tmp_path, 250, clock)
    store.put("hot", b"x" * 100)
    _let_go(use(store, "hot"))
    clock.now += 60
    store.put("cold", b"x" * 100)
    os.utime(tmp_path / "cold", (clock.now, clock.now))
    _let_go(use(store, "hot"))
    assert (tmp_path / "hot").stat().st_mtime == clock.now - 60, "not with every use"
    clock.now += DAY
    _let_go(use(store, "hot"))
    store.put("c", b"x" * 100)
    assert names(tmp_path) == {"hot", "c"}
    store.close()


def _let_go(used: object) -> None:
    assert used is not None
    if isinstance(used, int):
        os.close(used)


def test_two_builds_that_end_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, 1 << 30)

    def put(builder: int) -> None:
        for number in range(150):
            store.put(f"{builder}-{number}", b"x" * 100)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(put, range(2)))
    assert not [name for name in names(tmp_path) if ".new" in name]


def test_what_is_on_its_way_to_its_name_does_not_make_room(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, 50)
    (tmp_path / "k.new0a0b0c0d").write_bytes(b"x" * 100)
    store.put("a", b"x")
    store.put("b", b"x")
    assert names(tmp_path) == {"k.new0a0b0c0d", "b"}


def test_one_that_is_larger_than_all_may_be_is_kept_alone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, 150)
    store.put("a", b"x" * 100)
    store.put("b", b"x" * 1000)
    assert names(tmp_path) == {"b"}
    assert store.read("b") == b"x" * 1000


def test_what_a_killed_server_left_half_made_is_removed_after_a_while(tmp_path: Path) -> None:
    clock = Clock()
    store = ArtifactStore(tmp_path, 10_000, clock)
    (tmp_path / "k.new0a0b0c0d").write_bytes(b"ha")
    os.utime(tmp_path / "k.new0a0b0c0d", (clock.now, clock.now))
    store.put("a", b"x")
    assert "k.new0a0b0c0d" in names(tmp_path)
    clock.now += DAY
    store.put("b", b"x")
    assert names(tmp_path) == {"a", "b"}


def test_a_disk_that_does_not_take_it_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no folder")
    with pytest.raises(Error, match=r"cannot be kept in .*/a: ") as caught:
        ArtifactStore(tmp_path / "a", 1000).put("k", b"made")
    assert caught.value.code is ErrorCode.INTERNAL


def test_memory_holds_no_more_than_its_share(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, 1 << 40)
    for number in range(8):
        store.put(str(number), bytes(8 * 1024 * 1024))
        assert store.read(str(number)) is not None
    assert "4 in memory" in repr(store)
    assert store.read("0") is not None


# Programs are read and sealed in threads, so that the event loop goes on.
def test_a_program_is_taken_by_many_threads_at_once_and_no_descriptor_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "_MOST_IN_PROGRAMS", 3000)  # less than they are together
    store = ArtifactStore(tmp_path / "a", 1_000_000)
    content = {f"k{i}": os.urandom(1000) for i in range(6)}
    for key, made in content.items():
        store.put(key, made)
    before = len(os.listdir("/proc/self/fd"))

    def take(i: int) -> None:
        descriptor = store.program(f"k{i % 6}")
        assert descriptor is not None
        assert os.pread(descriptor, 2000, 0) == content[f"k{i % 6}"]
        os.close(descriptor)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take, range(600)))
    store.close()
    assert len(os.listdir("/proc/self/fd")) == before
