"""`migrate create`: the folders it takes, and what it says where it cannot make a file."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.migrate_create.folders import NOW, Run, entries, pair, touch

from codeactions.migrate.errors import MigrationError
from codeactions.migrate.files import create

NOBODY = 65534


@contextlib.contextmanager
def as_ordinary_user(*folders: Path) -> Iterator[None]:
    """Do without root's rights, which no mode of a file holds up. The folders become the other user's."""
    if os.geteuid() != 0:
        yield
        return
    for folder in folders:
        os.chown(folder, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestFolder:
    @pytest.mark.parametrize(
        ("directory", "shown"),
        [
            ("", ""),
            (".", ""),
            ("./", ""),
            ("a/../b", "b/"),
            ("b//c/", "b/c/"),
            ("x y", "x y/"),
        ],
    )
    def test_it_is_cleaned_and_made(self, run: Run, directory: str, shown: str) -> None:
        assert run("-ext", "sql", "-dir", directory, "-seq", "n") == pair(f"{shown}000001_n")

    def test_an_absolute_one_may_begin_with_two_slashes(self, run: Run, tmp_path: Path) -> None:
        assert run("-ext", "sql", "-dir", f"/{tmp_path}/d", "-seq", "n") == pair("d/000001_n")

    def test_a_version_that_begins_with_a_slash_stays_in_it(self, run: Run) -> None:
        assert run("-ext", "sql", "-format", "/2006", "n") == pair("2026_n")

    def test_the_path_is_the_one_the_shell_shows(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        monkeypatch.chdir(tmp_path / "link")
        monkeypatch.setenv("PWD", str(tmp_path / "link"))
        assert run("-ext", "sql", "-seq", "n") == pair("link/000001_n")
        for stale in (str(tmp_path), "real", str(tmp_path / "gone"), ""):
            monkeypatch.setenv("PWD", stale)
            assert run("-ext", "sql", "-seq", "n")[1][0].startswith("$CWD/real/")

    def test_the_umask_decides(self, run: Run, tmp_path: Path) -> None:
        old = os.umask(0o027)
        try:
            run("-ext", "sql", "-dir", "d", "-seq", "n")
        finally:
            os.umask(old)
        assert (tmp_path / "d").stat().st_mode & 0o777 == 0o750
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "d").iterdir()} == {0o640}


class TestTrouble:
    def test_a_file_in_the_way_of_the_folder(self, run: Run, tmp_path: Path) -> None:
        touch(tmp_path, "x")
        for directory in ("x", "x/y/z"):
            answer = run("-ext", "sql", "-dir", directory, "-seq", "n")
            assert answer == (1, ["error: mkdir x: not a directory"])
        (tmp_path / "dangling").symlink_to("gone")
        assert run("-ext", "sql", "-dir", "dangling", "n") == (1, ["error: mkdir dangling: file exists"])

    def test_a_file_in_the_way_is_never_changed(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Another process makes the second file meanwhile.
        taken = tmp_path / "000001_n.down.sql"
        taken.write_text("DROP TABLE t;\n")
        monkeypatch.setattr(os, "listdir", lambda folder: [])
        made, message = run("-ext", "sql", "-seq", "n")[1]
        assert made == "$CWD/000001_n.up.sql"
        assert message == "error: open 000001_n.down.sql: file exists"
        assert run("-ext", "sql", "-seq", "n") == (1, ["error: open 000001_n.up.sql: file exists"])
        assert taken.read_text() == "DROP TABLE t;\n"

    def test_a_name_of_which_only_one_file_can_be_made(self, run: Run) -> None:
        name = "n" * (255 - len("000001_.up.sql"))
        code, said = run("-ext", "sql", "-dir", "d", "-seq", name)
        assert code == 1
        assert said == [
            f"$CWD/d/000001_{name}.up.sql",
            f"error: open d/000001_{name}.down.sql: file name too long",
        ]

    def test_what_may_not_be_read_or_written(self, run: Run, tmp_path: Path) -> None:
        folder = Path("d")  # not by way of folders above, which may be closed to others
        folder.mkdir()
        assert run("-ext", "sql", "-dir", "e", "-seq", "n") == pair("e/000001_n")  # all modules are imported
        with as_ordinary_user(tmp_path, folder):
            for mode, directory, message in [
                (0o500, "d", "open d/000001_n.up.sql: permission denied"),
                (0o500, "d/e", "mkdir d/e: permission denied"),
                (0o300, "d", "open d: permission denied"),
                (0o600, "d/e", "mkdir d/e: permission denied"),
            ]:
                folder.chmod(mode)
                answer = run("-ext", "sql", "-dir", directory, "-seq", "n")
                folder.chmod(0o700)
                assert answer == (1, [f"error: {message}"])

    @pytest.mark.parametrize("names", [("n", "n"), ("n", "m")])
    def test_two_at_once_overwrite_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
    ) -> None:
        both = threading.Barrier(2)
        look = os.listdir

        def listdir(folder: str) -> list[str]:
            found = look(folder)
            both.wait(10)
            return found

        made: list[str] = []
        refused: list[str] = []

        def work(name: str) -> None:
            try:
                made.extend(
                    create.create(
                        str(tmp_path),
                        name,
                        "sql",
                        sequential=True,
                        digits=6,
                        layout=create.DEFAULT_LAYOUT,
                        zone="UTC",
                        now=NOW,
                    )
                )
            except MigrationError as error:
                refused.append(error.message)

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        with monkeypatch.context() as patched:
            patched.setattr(os, "listdir", listdir)
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        # With one name one of the two is refused. With two, both take the number 1, and `up` will say so.
        assert sorted(made) == sorted(str(tmp_path / name) for name in entries(tmp_path))
        assert len(made) == 2 * len(set(names))
        assert len(refused) == 2 - len(set(names))
        assert all(message.endswith("_n.up.sql: file exists") for message in refused)
