"""The secrets that a server makes for itself."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codeactions.domain.errors import Error, ErrorCode
from codeactions.node.secret_keys import load_or_make_keys
from codeactions.node.secrets import load_or_make_token, token_path


def test_it_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    token = load_or_make_token(folder)
    assert len(token) >= 32
    assert load_or_make_token(folder) == token
    keys = load_or_make_keys(folder)()
    assert len(keys) == 1
    assert keys[0] != token
    assert load_or_make_keys(folder)() == keys
    assert sorted(path.name for path in folder.iterdir()) == ["secret.key", "token"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    token = load_or_make_token(tmp_path)
    token_path(tmp_path).chmod(0o644)
    assert load_or_make_token(tmp_path) == token
    assert token_path(tmp_path).stat().st_mode & 0o777 == 0o600


def test_several_that_start_at_once_have_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            assert len({*pool.map(load_or_make_token, [tmp_path / str(number)] * 8)}) == 1


def test_a_file_without_a_secret_is_refused(tmp_path: Path) -> None:
    token_path(tmp_path).touch()
    with pytest.raises(Error, match=r"token holds no secret: delete it and start again") as caught:
        load_or_make_token(tmp_path)
    assert caught.value.code is ErrorCode.INVALID


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Error, match="the data folder cannot be used: "):
        load_or_make_token(tmp_path / "file" / "data")
