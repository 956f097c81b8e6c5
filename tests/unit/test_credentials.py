"""Credentials that a protected endpoint checks, without a server: signatures, names and passwords."""

import base64
import hashlib
import hmac
import re

import pytest
from argon2 import PasswordHasher

from codeactions.domain.protection import basic_credentials, hash_password, is_password, is_signed

SECRET, BODY, SECONDS = b"a shared secret", b'{"a": 1}', 1_800_000_000


def signature(body: bytes = BODY, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def timed(seconds: object = SECONDS, body: bytes = BODY) -> str:
    return signature(f"{seconds}.".encode() + body)


@pytest.mark.parametrize(
    ("presented", "is_right"),
    [
        (f"sha256={signature()}", True),
        (f"sha256={signature().upper()}", True),
        (f"t={SECONDS},v1={timed()}", True),
        (f"v1={timed().upper()}, t={SECONDS}", True),
        (f"t={SECONDS},v0=x,v1={'0' * 64},v1={timed()}", True),
        *[(f"t={at},v1={timed(at)}", True) for at in (SECONDS - 300, SECONDS + 300)],
        *[(f"t={at},v1={timed(at)}", False) for at in (SECONDS - 301, SECONDS + 301, -SECONDS, 0, "1e9", "\u0661")],
        *[(f"sha256={one}", False) for one in ("", "0" * 64, signature()[:-1], timed(), signature(secret=b""), "é")],
        *[(text, False) for text in ("", " ", ",", "=", "t=,v1=", "\xff", signature(), f"sha1={signature()}")],
        (f"t={SECONDS},v1={signature()}", False),
        (f"t={SECONDS}", False),
        (f"v1={timed()}", False),
        (f"t={SECONDS},t={SECONDS},v1={timed()}", False),
        (f"t={SECONDS - 400},t={SECONDS},v1={timed()}", False),
        (f"t={SECONDS},v1={timed()[:-1]}", False),
        (f"t={SECONDS}," + "v1=x," * 8 + f"v1={timed()}", False),
        (f"t={'9' * 5000},v1={timed()}", False),
    ],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_a_signature_is_of_the_body_and_of_its_time(presented: str, is_right: bool) -> None:
    assert is_signed(presented, SECRET, BODY, float(SECONDS)) is is_right
    assert not is_signed(presented, SECRET, BODY + b" ", float(SECONDS))
    assert not is_signed(presented, SECRET + b"x", BODY, float(SECONDS))
    assert is_signed(f"sha256={signature(b'')}", SECRET, b"", 0.0)


def test_what_was_signed_with_a_time_does_not_count_for_ever_without_one() -> None:
    old = str(SECONDS - 86_400).encode() + b"." + BODY
    assert not is_signed(f"sha256={signature(old)}", SECRET, old, float(SECONDS))
    for body in (b"1.5", b"12 monkeys. And more"):
        assert is_signed(f"sha256={signature(body)}", SECRET, body, 0.0) is (body != b"1.5")


def test_basic_credentials_end_the_name_at_the_first_colon() -> None:
    right = {"ana:a secret": ("ana", "a secret"), "ana:a:b:": ("ana", "a:b:"), ":": ("", ""), "ä:ß 🐍": ("ä", "ß 🐍")}
    for content, found in {**right, "no colon": None, "": None, "\udcff:\udcff": None}.items():
        encoded = base64.b64encode(content.encode(errors="surrogateescape")).decode()
        for header in (f"Basic {encoded}", f" BASIC   {encoded} "):
            assert basic_credentials(header) == found, ascii(content)
        for header in (f"Bearer {encoded}", encoded, f"Basic !{encoded}"):
            assert basic_credentials(header) is None, ascii(content)


def test_a_password_is_recognised_by_its_salted_hash_alone() -> None:
    stored, again = hash_password("grüße 🐍 und mehr"), hash_password("grüße 🐍 und mehr")
    assert stored != again
    assert "grüße".encode() not in stored
    assert is_password("grüße 🐍 und mehr", stored)
    assert not any(is_password(other, stored) for other in ("grüße 🐍 und meh", "", "\ud800"))


def test_a_stored_password_carries_its_algorithm_and_its_cost() -> None:
    stored = hash_password("a password of its own").decode()
    assert re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}", stored)
    other_cost = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=2).hash("a password of its own").encode()
    assert is_password("a password of its own", other_cost)
    assert not is_password("another password", other_cost)


@pytest.mark.parametrize("salt", [bytes(range(16)), b"$" * 16, b"$argon2" + b"\xff" * 9], ids=ascii)
def test_a_password_that_an_earlier_version_stored_is_still_recognised(salt: bytes) -> None:
    """Its salt and its scrypt hash, without algorithm and cost."""
    stored = salt + hashlib.scrypt(b"an older password", salt=salt, n=2**14, r=8, p=5, maxmem=2**26)
    assert is_password("an older password", stored)
    assert not is_password("an older passwor", stored)


def test_a_stored_password_that_cannot_be_read_matches_nothing() -> None:
    whole = hash_password("a password of its own")
    malformed = [
        *(b"", b"$", b"$argon2id$", b"\xff" * 40, b"\0" * 79, b"\0" * 81, b"plain text"),
        *(whole[:-1], whole[:40], whole.replace(b"v=19", b"v=x"), whole.replace(b"argon2id", b"argon2xx")),
        *(whole.replace(b"t=2", b"t=0"), whole.replace(b"$", b"\xff$")),
        # Costs that would take the server's memory, or a core for hours.
        *(
            whole.replace(b"m=19456", b"m=4194304"),
            whole.replace(b"t=2", b"t=4000000"),
            whole.replace(b"p=1", b"p=2000"),
        ),
    ]
    for stored in malformed:
        assert is_password("a password of its own", stored) is False, stored
