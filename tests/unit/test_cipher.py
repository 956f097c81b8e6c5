"""Encryption of stored secrets: by the newest of several keys, bound to a row; and where the keys are kept."""

import base64
import hashlib
import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.project_value import ENCRYPTION_BYTES
from codeactions.identity.cipher import Cipher
from codeactions.node.secret_keys import KeyFile, keys_in, load_or_make_keys, server_keys

OLD, NEW, ROW = "the-old-key-of-the-server", "the-new-key-of-the-server", ("secret", "p", "NAME", "1")
SECRET = "a secret of some length ö🐍"


def with_keys(*keys: str) -> Cipher:
    return Cipher(lambda: keys)


def fernet(key: str, secret: str) -> bytes:
    """As earlier versions stored it."""
    derived = hashlib.sha256(b"codeactions vault\0" + key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(derived)).encrypt(secret.encode())


def unreadable(cipher: Cipher, stored: bytes, identity: tuple[str, ...] = ROW) -> None:
    with pytest.raises(Error, match="a stored secret cannot be read") as caught:
        cipher.decrypt(stored, identity)
    assert caught.value.code is ErrorCode.INTERNAL
    assert "key" not in caught.value.public


@given(st.text(min_size=1).filter(lambda text: "\0" not in text), st.lists(st.text(), max_size=4))
def test_what_is_encrypted_can_be_decrypted(secret: str, identity: list[str]) -> None:
    cipher = with_keys(NEW)
    try:
        plain = secret.encode()
    except UnicodeEncodeError:
        return
    stored = cipher.encrypt(secret, tuple(identity))
    assert len(stored) == len(plain) + ENCRYPTION_BYTES
    assert cipher.decrypt(stored, tuple(identity)) == plain


def test_no_two_are_the_same() -> None:
    cipher = with_keys(NEW)
    assert len({cipher.encrypt(SECRET, ROW) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "other",
    [("variable", *ROW[1:]), ("secret", "q", *ROW[2:]), ("secret", "p", "NAM", "E1"), ("secret", "pN", "AME", "1"), ()],
)
def test_it_is_bound_to_its_row(other: tuple[str, ...]) -> None:
    cipher = with_keys(NEW)
    unreadable(cipher, cipher.encrypt(SECRET, ROW), other)


def test_a_change_of_any_byte_is_found_out() -> None:
    cipher = with_keys(NEW)
    stored = cipher.encrypt(SECRET, ROW)
    for place in range(len(stored)):
        unreadable(cipher, stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :])
        unreadable(cipher, stored[:place])
    unreadable(cipher, stored + b"x")


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    by_old = with_keys(OLD).encrypt(SECRET, ROW)
    both = with_keys(NEW, OLD)
    assert both.decrypt(by_old, ROW) == SECRET.encode()
    by_new = both.encrypt(SECRET, ROW)
    assert by_new.startswith(both.newest)
    assert not by_old.startswith(both.newest)
    assert with_keys(NEW).decrypt(by_new, ROW) == SECRET.encode()
    unreadable(with_keys(OLD), by_new)
    unreadable(with_keys(NEW), by_old)


def test_what_earlier_versions_stored_stays_readable() -> None:
    assert with_keys(NEW, OLD).decrypt(fernet(OLD, SECRET), ROW) == SECRET.encode()
    unreadable(with_keys(NEW), fernet(OLD, SECRET))


async def test_health_counts_what_cannot_be_read() -> None:
    cipher = with_keys(NEW)
    assert await cipher.check() == {"unreadable": 0}
    unreadable(cipher, with_keys(OLD).encrypt(SECRET, ROW))
    found = await cipher.check()
    assert found["unreadable"] == 1
    assert "CODEACTIONS_SECRET_KEY" in found["reason"]


def test_a_key_that_is_added_to_the_file_is_found_when_it_is_needed(tmp_path: Path) -> None:
    file = load_or_make_keys(tmp_path)
    running, other = Cipher(file), KeyFile(file.path)
    before = running.encrypt(SECRET, ROW)
    other.add()
    fresh = Cipher(other).encrypt(SECRET, ROW)
    assert running.decrypt(fresh, ROW) == SECRET.encode()
    assert running.decrypt(before, ROW) == SECRET.encode()
    assert running.encrypt(SECRET, ROW).startswith(Cipher(other).newest)
    assert running.number == 2


def test_a_new_key_stands_before_the_others_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    file = load_or_make_keys(tmp_path)
    [first] = file()
    file.add()
    file.add()
    keys = list(file())
    assert (len(set(keys)), keys[2]) == (3, first)
    assert file.path.read_text().split() == keys
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["secret.key"]


def test_a_file_that_is_gone_or_empty_takes_no_key_away(tmp_path: Path) -> None:
    file = load_or_make_keys(tmp_path)
    keys = file()
    file.path.write_text("\n")
    assert file() == keys
    file.path.unlink()
    assert file() == keys
    with pytest.raises(Error, match="holds no key: restore it from a backup"):
        KeyFile(file.path)
    with pytest.raises(Error, match="cannot be written"):
        file.add()


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    there = tmp_path / "elsewhere" / "key"
    there.write_text(OLD + "\n")
    (tmp_path / "secret.key").symlink_to(there)
    file = load_or_make_keys(tmp_path)
    file.add()
    assert (tmp_path / "secret.key").readlink() == there
    assert list(file()) == there.read_text().split()
    assert there.read_text().split()[1:] == [OLD]


@pytest.mark.parametrize("content", [b"\xff" * 40, b"", b"short", b"short\n" * 10])
def test_nobody_is_told_to_delete_a_file_that_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(Error, match=r"secret\.key (is no text|holds no (secret|key)): restore it from a backup; with"):
        load_or_make_keys(tmp_path)
    assert (tmp_path / "secret.key").read_bytes() == content


@pytest.mark.parametrize(
    ("setting", "keys"),
    [
        (OLD, (OLD,)),
        (f"{NEW},{OLD}", (NEW, OLD)),
        (f" {NEW} ,\n {OLD}\t", (NEW, OLD)),
        ("a passphrase of some short words", ("a passphrase of some short words",)),
        ("short,but-long-enough-together", ("short,but-long-enough-together",)),
    ],
)
def test_a_setting_may_hold_several_keys(setting: str, keys: tuple[str, ...], tmp_path: Path) -> None:
    found = tuple(server_keys(setting, tmp_path)())
    assert found[: len(keys)] == keys
    assert os.listdir(tmp_path) == []


def test_what_an_earlier_version_took_for_one_key_still_decrypts() -> None:
    setting = f"{NEW},{OLD}"
    assert Cipher(lambda: keys_in(setting)).decrypt(fernet(setting, SECRET), ROW) == SECRET.encode()
