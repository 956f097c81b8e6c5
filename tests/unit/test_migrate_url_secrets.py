"""No password of a URL is in what is shown of it, whatever is wrong with the URL."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeactions.migrate.database import address
from codeactions.migrate.errors import MigrationError
from codeactions.migrate.go_compat.database_url import masked


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://u:p@h:1/d?sslmode=x#y", "postgres://u:***@h:1/d?sslmode=x"),
        ("pgx5://u@h,i:1/d", "pgx5://u@h,i:1/d"),
        ("pgx5://[::1]:1", "pgx5://[::1]:1"),
        ("postgres://:p@h", "postgres://:***@h"),
        ("postgres://u%3Ap@h", "postgres://u:***@h"),
        ("postgres:///d?user=u&PassWord=a&b=c&sslmode=x&b=c", "postgres:///d?user=u&PassWord=***&sslmode=x&b=c"),
        ("postgres:///d?p%61ssword=a&sslpassword=b#c", "postgres:///d?p%61ssword=***&sslpassword=***"),
        ("postgres://h/d?password=a@b/c&d=e@f", "postgres://***"),
        ("postgres://h:p/d", "postgres://h:***"),
        ("postgres:u:p@h", "postgres:***"),
        ("no url:p", "***"),
        ("", "***"),
    ],
)
def test_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


# No text of ours has a Q, a Z or a 漢 in it, so not one character of a password may be seen.
PIECES = st.sampled_from(
    [*"QZ漢", *"QZ", *"/?#@:%&=+;,[]{}|^`<>\"'\\ \n\t0159*$!~", "%2", "%51", "%40", "%00", "//", "password="]
)
PASSWORDS = st.lists(PIECES, min_size=1, max_size=8).map("".join).filter(lambda text: set(text) & set("QZ漢"))
SCHEMES = st.sampled_from(["postgres", "postgresql", "pgx", "pgx4", "pgx5", "mysql", "POSTGRES", "a.b-c+d"])
IN_FRONT = st.sampled_from(
    ["{}://u:{}@h:5/d?sslmode=x", "{}://:{}@h", "{}://u:{}@[::1]:5,b/d#f", "{}://u:{}@h:port/d", "{}:u:{}@h"]
)
IN_THE_QUERY = st.sampled_from(
    [
        "{}://h/d?password={}",
        "{}://u@h:1?sslmode=x&password={}&user=y",
        "{}:///?sslpassword={}#f",
        "{}://h:x/d?password={}",
    ]
)


def seen(url: str) -> str:
    """All that is shown of a URL, whatever becomes of it."""
    texts = [masked(url)]
    for sslmode in (None, "require"):
        try:
            texts.append(repr(address.parse(url, sslmode=sslmode)))
        except MigrationError as error:
            texts += [error.message, error.go_text, *map(repr, (error, error.args, error.__cause__, error.__context__))]
    return "".join(texts)


class TestNoPasswordIsEverSeen:
    @given(SCHEMES, IN_FRONT | IN_THE_QUERY, PASSWORDS)
    @example("postgres", "{}://u:{}@h:5/d", "5/Q")
    @example("postgres", "{}://h/d?password={}", "Q&x@Q")
    @example("postgres", "{}://h/d?password={}", "1#@Q")
    def test_as_it_is(self, scheme: str, form: str, password: str) -> None:
        assert not set(seen(form.format(scheme, password))) & set("QZ漢")

    @given(
        SCHEMES, IN_FRONT | IN_THE_QUERY, st.text(st.characters(exclude_categories=["Cs"]), max_size=9), st.booleans()
    )
    def test_encoded(self, scheme: str, form: str, text: str, whole: bool) -> None:
        password = f"Q{text}Z"
        encoded = "".join(f"%{byte:02X}" for byte in password.encode())
        if not whole:
            encoded = "Q" + encoded[3:-3] + "Z"
        url = form.format(scheme, encoded)
        assert not set(seen(url)) & set("QZ")
        assert encoded not in seen(url)
        if (
            scheme.startswith(("p", "pgx"))
            and "port" not in form
            and ":x" not in form
            and "//" in form
            and "\0" not in text
        ):
            found = address.parse(url).parameters
            assert found.get("sslpassword" if "sslp" in form else "password") == password

    @given(st.text(max_size=6), st.text(max_size=30))
    def test_anything_behind_a_colon(self, front: str, rest: str) -> None:
        password = "QZQ" + rest.replace("@", "")
        for url in (f"postgres://{front}:{password}@h", f"postgres:{password}", f"postgres://u:{password}"):
            assert password not in seen(url)

    @given(st.text())
    def test_nothing_makes_it_fail_otherwise(self, text: str) -> None:
        for url in (text, f"postgres:{text}", f"postgres://{text}", f"pgx5://u:p@h/d?{text}"):
            seen(url)
