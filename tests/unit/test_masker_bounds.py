"""What making a masker may cost, and what is found whatever it costs."""

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from codeactions.domain.folding import folded
from codeactions.domain.masker import Masker
from codeactions.domain.secret_forms import forms, roots, usual_forms


def _private_key(seed: int) -> str:
    data = base64.b64encode(random.Random(seed).randbytes(2360)).decode()
    lines = [data[place : place + 64] for place in range(0, len(data), 64)]
    return "\n".join(("-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""))


_ACCOUNT = {"type": "service_account", "private_key": "".join(map(_private_key, range(3))), "uri": "https://a/b?c=d&e"}
ORDINARY = {
    "200 keys of an API": [f"key/{random.Random(number).randbytes(18).hex()}" for number in range(200)],
    "20 private keys": [_private_key(number) for number in range(20)],
    "a service account of 12 KB": [json.dumps(_ACCOUNT | {"more": "x@y " * 600}, indent=2)],
}
# Each as large as all values of a project may be together.
HOSTILE = {
    "control characters": ["".join(chr(1 + (at * 7 + n) % 31) for at in range(65_000)) for n in range(8)],
    "lines of one character": ["\n".join(chr(33 + (at + n) % 90) for at in range(32_000)) for n in range(8)],
    "lines of 8 bytes": ["\n".join(f"{chr(0x1F400 + n)}{chr(0x10400 + at)}" for at in range(7200)) for n in range(8)],
    "long lines": ["\n".join(f"{n}{at:03x}" + '<"é' * 100 for at in range(150)) for n in range(8)],
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_values_are_looked_for_in_all_forms(name: str) -> None:
    values = ORDINARY[name]
    every = {folded(form) for value in values for root in roots(value) for form in forms(root)}
    assert repr(Masker(values)) == f"<Masker of {len(every)} forms>"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_masker_of_the_largest_values_is_bounded_and_finds_what_is_usual(name: str) -> None:
    values = HOSTILE[name]
    masker = Masker(values)
    assert masker.memory < 96 * 1024 * 1024
    for value in values:
        for form in (value.encode(), *usual_forms(value)):
            assert masker.mask_bytes(b"<" + form + b">") in (b"<***>", b"***")  # or as a whole, for too many matches
        lines = [line for line in value.splitlines() if len(line.encode()) >= 8]
        assert masker.mask(" ".join(lines[::-1])).replace("***", "").strip() == ""


@given(some.text(min_size=8, max_size=40))
def test_the_usual_forms_are_forms(value: str) -> None:
    assert value.encode() in usual_forms(value) <= forms(value)
