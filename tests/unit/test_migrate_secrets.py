"""What is shown of SQL, connection strings and addresses has no passwords in it."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeactions.migrate.statements.secrets import masked

# A text of this size takes less than a second; with a step back at each character it would take many minutes.
LARGE = 400_000


# Behind an open quote it cannot be told what is a password.
NO_QUOTES = dict.fromkeys(map(ord, "'\"$"))


MASKED = [
    ("ALTER ROLE bob PASSWORD 'x y' LOGIN;", "ALTER ROLE bob PASSWORD *** LOGIN;"),
    ("create user u encrypted password\n'x';", "create user u encrypted password\n***;"),
    ("ALTER ROLE u PASSWORD 'it''s' LOGIN 'a'", "ALTER ROLE u PASSWORD *** LOGIN 'a'"),
    (r"ALTER ROLE u PASSWORD E'a\'b''c\\' LOGIN 'a'", "ALTER ROLE u PASSWORD *** LOGIN 'a'"),
    (r"ALTER ROLE u PASSWORD U&'\0061' LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("ALTER ROLE u PASSWORD'x'", "ALTER ROLE u PASSWORD***"),
    ("ALTER ROLE u PASSWORD $$a'b$c$$ LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("ALTER ROLE u PASSWORD $é1$a$$b$é1$ LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("ALTER ROLE u PASSWORD 'a'\n  'b' LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("EXECUTE 'ALTER ROLE u PASSWORD ''a b'' LOGIN';", "EXECUTE 'ALTER ROLE u PASSWORD *** LOGIN';"),
    ("EXECUTE 'EXECUTE ''... PASSWORD ''''a''''''';", "EXECUTE 'EXECUTE ''... PASSWORD ***''';"),
    ("DO $$ BEGIN ALTER ROLE u PASSWORD 'a'; END $$", "DO $$ BEGIN ALTER ROLE u PASSWORD ***; END $$"),
    ("can't run: ALTER ROLE u PASSWORD 'a'; 'b'", "can't run: ALTER ROLE u PASSWORD ***; 'b'"),
    ("OPTIONS (user 'u', password 'x')", "OPTIONS (user 'u', password ***)"),
    ("f(password => 'x', a => 'y')", "f(password => ***, a => 'y')"),
    ("f(new_password:='x', a := 'y')", "f(new_password:=***, a := 'y')"),
    ("WHERE password = 'x' AND a = 'y'", "WHERE password = *** AND a = 'y'"),
    ("UPDATE u SET \"password\"='x', a='y'", "UPDATE u SET \"password\"=***, a='y'"),
    ("ALTER ROLE u PASSWORD 'not closed; SELECT 1", "ALTER ROLE u PASSWORD ***"),
    ("ALTER ROLE u PASSWORD $a$not closed; $$", "ALTER ROLE u PASSWORD ***"),
    ("CONNECTION 'host=h password=x dbname=d' P", "CONNECTION 'host=h password=*** dbname=d' P"),
    ("CONNECTION 'host=h password=x' P", "CONNECTION 'host=h password=***' P"),
    ("CONNECTION 'password=x' P", "CONNECTION 'password=***' P"),
    ("CONNECTION 'host=h password=it''s user=u'", "CONNECTION 'host=h password=*** user=u'"),
    ("CONNECTION 'host=h password=''a b'' user=u'", "CONNECTION 'host=h password=*** user=u'"),
    ("CONNECTION 'host=''a b'' password=x'", "CONNECTION 'host=''a b'' password=***'"),
    ("SET c = 'host=h password=x'", "SET c = 'host=h password=***'"),
    ("f(a=>$$password=x$$, b)", "f(a=>$$password=***$$, b)"),
    ("CONNECTION $$host=h password=a$b$$ P", "CONNECTION $$host=h password=***$$ P"),
    ("f($$host=h password = a\\ b user=u$$)", "f($$host=h password = *** user=u$$)"),
    ("'SELECT f(''host=h sslpassword=x'')'", "'SELECT f(''host=h sslpassword=***'')'"),
    ("no server at \"host=h password=x\"", "no server at \"host=h password=***\""),
    ("host=h password='a b' user=u", "host=h password=*** user=u"),
    ("postgres://u:x@h:5432/d", "postgres://u:***@h:5432/d"),
    ("see 'redis://:x%20y@h', http://h", "see 'redis://:***@h', http://h"),
    ("pgx5://u:x@y@h/d?a=b@c", "pgx5://u:***@h/d?a=b@c"),
    ("postgres://u:x/y@h", "postgres://u:***@h"),
    ("postgres://a:b@c postgres://d:e@f", "postgres://a:***@c postgres://d:***@f"),
    ("postgresql://h/d?sslpassword=x&a=b", "postgresql://h/d?sslpassword=***&a=b"),
    ("postgresql://h/d?user=u&password=x&a=b", "postgresql://h/d?user=u&password=***&a=b"),
]  # fmt: skip
UNMASKED = [
    "ALTER ROLE u PASSWORD NULL",
    "CREATE TABLE t (password text NOT NULL DEFAULT 'x', password_hash text)",
    "INSERT INTO t VALUES ('password', 'x', 'the password', 'y')",
    "COMMENT ON COLUMN u.password IS 'a hash'",
    "RAISE NOTICE 'wrong password '; SELECT 'x'",
    "UPDATE u SET a = b, password = c, d = e WHERE password = f",
    "UPDATE u SET password=crypt('x', 'y'), a=b",
    "SELECT 1 FROM u WHERE password = $1 AND a = $2",
    "AS $$ SELECT password $$ LANGUAGE sql; SELECT $$ x $$",
    "AS $$ SELECT password $$; SELECT $$ x $$",
    "'host=' || h || ' password=' || p || ' user=u'",
    "passwords = 'x'",
    "http://localhost:8080/a?b=c@d",
    "postgres://u@h/d",
    "https://h/a:b@c",
    "'://a:b@c'",
    "SELECT 'password'AS a, 'x'",
    "a://b, c:d@e",
]


@pytest.mark.parametrize(("text", "shown"), MASKED)
def test_passwords_are_not_shown(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown
    assert masked(f"é\r\n\t{text}") == f"é\r\n\t{shown}"


@pytest.mark.parametrize("text", UNMASKED)
def test_all_else_is_shown_as_it_is(text: str) -> None:
    assert masked(text) == text


@given(st.text().filter(lambda text: "password" not in text.lower() and "://" not in text))
def test_a_text_without_passwords_does_not_change(text: str) -> None:
    assert masked(text) == text


PRINTABLE = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1)
# What needs no quotes in a connection string or an address. E alone before a quote would begin a string.
EASY = st.text(string.ascii_letters + string.digits + "!%^*()-+.,;~é", min_size=2).filter(lambda word: word[-1] != ",")


@given(PRINTABLE)
@example("'")
@example(";;")
@example("'' LOGIN")
def test_any_password_in_quotes_is_hidden(password: str) -> None:
    quoted = password.replace("'", "''")
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    for literal in (f"'{quoted}'", f"E'{escaped}'", f"U&'{quoted}'", f"$_a${password}$_a$"):
        if "$_a" in password:
            continue
        assert masked(f"ALTER ROLE u PASSWORD {literal};") == "ALTER ROLE u PASSWORD ***;"
        assert masked(f"f(password => {literal}, 'x')") == "f(password => ***, 'x')"


@given(EASY)
def test_any_password_of_a_connection_is_hidden(password: str) -> None:
    assert masked(f"'host=h password={password} user=u'") == "'host=h password=*** user=u'"
    assert masked(f"f('user=u password={password}', 'x')") == "f('user=u password=***', 'x')"
    assert masked(f"postgres://u:{password}@h/d?a=b") == "postgres://u:***@h/d?a=b"


@pytest.mark.parametrize(
    "unit",
    [
        *("password ", "password '", "password ''a", "password $a$ ", "password e'", "password = ", "password='\n'"),
        *("a=b ", "a='b ", "a = ", "'a=", "x://a:", "x://a:b@", "?password", "a", " ", "a=*", "*a=\\ ", "password=*"),
        *('a="', "a=''", "a=$", "a=$a", 'a=b"', "a=b''", "a=b$", "a=b,", "a=\\'", "a='\\'", "password$$", "'a='"),
    ],
)
@pytest.mark.timeout(60)
def test_a_large_text_is_masked(unit: str) -> None:
    assert masked("password " + (unit * LARGE)[:LARGE]).startswith("password ")


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    assert masked(f"{text.translate(NO_QUOTES)} password = 'secret'").endswith(" password = ***")
