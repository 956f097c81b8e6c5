"""The addresses of folders with migrations, in golang-migrate's words where it refuses one."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.go_compat import quoting
from codeactions.migrate.go_compat import source_url as source


def at(found: tuple[str, str]) -> tuple[str, Path]:
    """The folder as a path, in which `./m` is `m`."""
    return found[0], Path(found[1])


class TestSource:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    @pytest.mark.parametrize(
        ("path", "folder"),
        [
            ("m", "m"),
            ("./m", "./m"),
            ("a%20b", "a%20b"),
            ("100%", "100%"),
            ("c:d", "c:d"),
            ("x y", "x y"),
            ("x@m", "x@m"),
            # There is nothing at the plain path: golang-migrate's reading.
            ("x/../m?z", "{}/m"),
            ("m#z", "{}/m"),
            ("u@m", "{}/m"),
            ("./c%20d", "{}/c d"),
            ("{}/c%20d", "{}/c d"),
            ("%25", "{}/%"),
            # Nor there.
            ("nowhere", "nowhere"),
            ("./no%20where", "./no%20where"),
            ("/no where", "/no where"),
        ],
    )
    def test_a_path_is_a_path(self, tmp_path: Path, path: str, folder: str) -> None:
        for name in ("m", "a%20b", "100%", "c:d", "c d", "x y", "x@m", "%"):
            (tmp_path / name).mkdir()
        path = path.format(tmp_path)
        assert at(source.from_path(path)) == (f"file://{path}", Path(folder.format(tmp_path)))

    def test_the_current_folder_may_be_gone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        assert at(source.from_path("m")) == ("file://m", Path("m"))
        assert at(source.from_url("file://")) == ("file://", Path())

    def test_a_file_is_found_out_later(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch()
        assert at(source.from_path("f")) == ("file://f", Path("f"))

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("a%20b", 'invalid URL escape "%20"'),
            ("100%", 'invalid URL escape "%"'),
            ("x/100%é", 'invalid URL escape "%é"'),
            ("a b", 'invalid character " " in host name'),
            ("c:d", 'invalid port ":d" after host'),
            ("[c", "missing ']' in host"),
            ("[c]d", 'invalid port "d" after host'),
            ("a b@c", "net/url: invalid userinfo"),
            ("%zz@c", 'invalid URL escape "%zz"'),
            ("a\tb", "net/url: invalid control character in URL"),
        ],
    )
    def test_one_that_go_cannot_read(self, path: str, reason: str) -> None:
        with pytest.raises(MigrationError) as caught:
            source.from_path(path)
        url = quoting.quoted(f"file://{path}")
        assert caught.value.go_text == f"failed to open source, {url}: parse {url}: {reason}"
        assert caught.value.code is ErrorCode.INVALID

    @pytest.mark.parametrize(
        ("url", "folder"),
        [
            ("file://m", "{}/m"),
            ("FILE://m", "{}/m"),
            ("file:m/n", "{}/m/n"),
            ("file:%20?x", "{}/%20"),
            ("file:/m%20n", "/m n"),
            ("file:///m%20n/", "/m n"),
            ("file://db/m", "{}/db/m"),
            ("file://db:1/m", "{}/db:1/m"),
            ("file://u:p@db/../m?x#y", "{}/m"),
            ("file://", "{}"),
            ("file:", "{}"),
            ("file://.", "{}"),
            ("file:///m%FF", "/m\udcff"),
        ],
    )
    def test_a_url(self, tmp_path: Path, url: str, folder: str) -> None:
        assert at(source.from_url(url)) == (url, Path(folder.format(tmp_path)))

    @pytest.mark.parametrize(
        ("url", "tool"),
        [
            ("", "failed to parse scheme from source URL: URL cannot be empty"),
            ("m", "failed to parse scheme from source URL: no scheme"),
            (":m", "failed to parse scheme from source URL: no scheme"),
            (
                "s4://bucket",
                "failed to open source, \"s4://bucket\": source driver: unknown driver 's4' (forgotten import?)",
            ),
            (
                "GitHub://u:t/@n@o",
                'failed to open source, "GitHub://u:***@o": '
                "source driver: unknown driver 'github' (forgotten import?)",
            ),
            (
                "1x:m",
                'failed to open source, "1x:m": parse "1x:m": first path segment in URL cannot contain colon',
            ),
            ("/x:m", 'failed to open source, "/x:m": source driver: invalid URL scheme'),
            ("file:///a#%", 'failed to open source, "file:///a#%": parse "file:///a#%": invalid URL escape "%"'),
            ("file:///%#b", 'failed to open source, "file:///%#b": parse "file:///%": invalid URL escape "%"'),
        ],
    )
    def test_a_bad_url(self, url: str, tool: str) -> None:
        with pytest.raises(MigrationError) as caught:
            source.from_url(url)
        assert caught.value.go_text == tool
        assert caught.value.code is ErrorCode.INVALID

    @given(st.text())
    def test_nothing_makes_it_fail_otherwise(self, text: str) -> None:
        for read, asked in ((source.from_path, text), (source.from_url, text), (source.from_url, f"file://{text}")):
            with suppress(MigrationError):
                assert read(asked)[0].endswith(asked)

    def test_quoted(self) -> None:
        assert quoting.quoted('a"\\\n\x00\x7fé\u00a0\udc80\U000e0001') == r'"a\"\\\n\x00\x7fé\u00a0\x80\U000e0001"'
