"""Values of the database that Python's own types cannot hold."""

import json

from codeactions.postgres.loading import load_json


def test_json_is_read_to_a_depth_that_can_be_written_again() -> None:
    for depth in (1, 199, 200, 201, 500, 900, 5000):
        text = '{"a":' * depth + "1" + "}" * depth
        value = load_json(text.encode())
        assert isinstance(value, dict if depth <= 200 else str)
        json.dumps(value)
    assert load_json(b"[" + b"[]," * 500 + b"[]]") == [[]] * 501, "many brackets are not deep ones"
