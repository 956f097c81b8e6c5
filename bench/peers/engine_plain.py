"""One call in one interpreter, the way unsandboxed services start it: the call as JSON in, the result as JSON out."""

import json
import sys
from typing import Any


class _Params:
    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)


class _Result:
    value: Any = None

    def set(self, value: Any) -> None:
        self.value = value


class _Engine:
    def __init__(self, call: dict[str, Any]) -> None:
        self.params = _Params(call["params"])
        self.result = _Result()


def main() -> None:
    """Run the source that comes with the call."""
    call = json.load(sys.stdin)
    names: dict[str, Any] = {}
    exec(compile(call["source"], "code.py", "exec"), names)
    engine = _Engine(call)
    names["Run"](engine)
    json.dump(engine.result.value, sys.stdout)


if __name__ == "__main__":
    main()
