"""Compiled libraries that nobody uses any more."""

import os
from pathlib import Path

from codeactions.runtimes.go.unused_libraries import KEPT_SECONDS, READY, drop_unused

NOW = 1_800_000_000.0


def library(folder: Path, used: float, *, ready: bool = True) -> Path:
    """A library that was used at that time."""
    (folder / "packages" / "net").mkdir(parents=True)
    (folder / "packages" / "net" / "http.a").write_bytes(b"compiled")
    (folder / "lock").touch()
    if ready:
        (folder / READY).touch()
        os.utime(folder / READY, (used, used))
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_libraries_unused_for_long_are_emptied_and_nothing_else(tmp_path: Path) -> None:
    long_ago, lately = NOW - KEPT_SECONDS - 1, NOW - KEPT_SECONDS + 1
    own = library(tmp_path / "go-1.27-own", long_ago)
    old = library(tmp_path / "go-1.26-old", long_ago)
    used = library(tmp_path / "go-1.26-used", lately)
    unfinished = library(tmp_path / "go-1.28-unfinished", long_ago, ready=False)
    others = library(tmp_path / "else", long_ago)
    assert drop_unused(own, NOW) == ["go-1.26-old"]
    assert names(old) == set()  # which a sandbox may have mounted
    for kept in (own, used, others):
        assert names(kept) == {"lock", "packages", READY}
    assert names(unfinished) == {"lock", "packages"}
    assert drop_unused(own, NOW) == []


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    old = library(tmp_path / "cache" / "go-old", NOW - 2 * KEPT_SECONDS)
    (old / "link").symlink_to(tmp_path / "precious")
    assert drop_unused(tmp_path / "cache" / "go-new", NOW) == ["go-old"]
    assert (tmp_path / "precious" / "file").exists()
    assert names(old) == set()
