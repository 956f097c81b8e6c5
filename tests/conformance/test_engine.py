"""What every language's engine does, told once."""

from harness import Server


def test_params_reach_the_code(server: Server) -> None:
    answer = server.call('def Run(engine):\n    return {"hello": engine.params.get("name")}\n', params={"name": "x"})
    assert answer.status_code == 200
    assert answer.json() == {"hello": "x"}
