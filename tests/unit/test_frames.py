"""Frames: whatever pieces they arrive in they are the same, and nothing over its bound is ever held."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from codeactions.runtimes.protocol import (
    HEADER,
    Kind,
    Malformed,
    Reader,
    pack,
    pack_described,
    unpack_described,
)

BOUNDS = {Kind.LOG: 100, Kind.TEXT: 101, Kind.RESULT: 1000, Kind.FAILURE: 500}
frames = some.lists(
    some.one_of(*(some.tuples(some.just(kind), some.binary(max_size=bound)) for kind, bound in BOUNDS.items())),
    max_size=10,
)
json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=10,
)


@given(frames, some.data())
def test_any_chunking_gives_the_same_frames(sent: list[tuple[Kind, bytes]], data: some.DataObject) -> None:
    stream = b"".join(pack(kind, payload) for kind, payload in sent)
    cuts = sorted(data.draw(some.lists(some.integers(0, len(stream)))))
    reader, received = Reader(BOUNDS), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += reader.feed(stream[start:end])
    assert received == sent


@given(some.lists(some.binary(max_size=50), max_size=20))
def test_any_bytes_give_frames_or_malformed_and_nothing_else(chunks: list[bytes]) -> None:
    reader = Reader(BOUNDS)
    try:
        for chunk in chunks:
            for kind, payload in reader.feed(chunk):
                assert len(payload) <= BOUNDS[kind]
    except Malformed:
        pass


@pytest.mark.parametrize("kind", BOUNDS)
def test_a_frame_at_its_bound_is_taken_and_one_over_it_refused_by_its_header(kind: Kind) -> None:
    bound = BOUNDS[kind]
    assert list(Reader(BOUNDS).feed(pack(kind, b"x" * bound))) == [(kind, b"x" * bound)]
    for length in (bound + 1, 2**31, 2**32 - 1):
        with pytest.raises(Malformed, match="over"):
            list(Reader(BOUNDS).feed(HEADER.pack(kind, length)))


@pytest.mark.parametrize("number", [0, Kind.JOB, 6, 128, 255])
def test_a_kind_that_may_not_come_is_malformed(number: int) -> None:
    with pytest.raises(Malformed, match=str(number)):
        list(Reader(BOUNDS).feed(HEADER.pack(number, 0)))


# Whether they came in one piece or in two must not matter.
def test_frames_before_a_malformed_one_arrive() -> None:
    arriving = Reader(BOUNDS).feed(pack(Kind.LOG, b"fine") + b"\xff" * 5)
    assert next(arriving) == (Kind.LOG, b"fine")
    with pytest.raises(Malformed):
        next(arriving)


@given(some.dictionaries(some.text(), json_values), some.binary(max_size=200))
def test_a_description_and_a_body_come_back_as_they_went(meta: dict[str, object], body: bytes) -> None:
    payload = pack_described(Kind.RESULT, meta, body)[HEADER.size :]
    assert unpack_described(payload) == (meta, body)


@given(json_values, json_values, some.binary(max_size=200))
def test_fields_that_are_ready_are_part_of_the_description(first: object, second: object, body: bytes) -> None:
    ready = json.dumps({"b": second, "ü": {}}).encode()
    payload = pack_described(Kind.JOB, {"a": first}, body, ready=ready)[HEADER.size :]
    assert unpack_described(payload) == ({"a": first, "b": second, "ü": {}}, body)


@given(some.binary(max_size=200))
def test_any_payload_is_described_or_malformed_and_nothing_else(payload: bytes) -> None:
    try:
        meta, _ = unpack_described(payload)
        assert isinstance(meta, dict)
    except Malformed:
        pass


BAD_DESCRIPTIONS = [
    b"",
    b"\0\0\0",
    struct.pack("!I", 3) + b"{}",
    struct.pack("!I", 2**32 - 1) + b"{}",
    struct.pack("!I", 2) + b"[]",
    struct.pack("!I", 4) + b"null",
    struct.pack("!I", 2) + b"\xff\xfe",
    struct.pack("!I", 100_000) + b"[" * 100_000,
    struct.pack("!I", 10_000) + b"9" * 10_000,
]


@pytest.mark.parametrize("payload", BAD_DESCRIPTIONS, ids=range(len(BAD_DESCRIPTIONS)))
def test_a_bad_description_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        unpack_described(payload)


# The bound is looked at before the JSON is: reading a hostile megabyte of it would take the server seconds.
def test_a_description_over_its_limit_is_refused_unread() -> None:
    text = json.dumps({"x": "y" * 100}).encode()
    payload = struct.pack("!I", len(text)) + text
    assert unpack_described(payload, len(text))[0] == {"x": "y" * 100}
    with pytest.raises(Malformed, match="over"):
        unpack_described(payload, len(text) - 1)
    with pytest.raises(Malformed, match="over"):
        unpack_described(struct.pack("!I", 1 << 20) + b"not JSON", 65536)
