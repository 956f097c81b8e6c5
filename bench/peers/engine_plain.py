"""One call in one interpreter, as services without a sandbox start it: reads the call, writes the result, as JSON."""

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
    """Run the source that the call contains."""
    call = json.load(sys.stdin)
    names: dict[str, Any] = {}
    exec(compile(call["source"], "code.py", "exec"), names)
    engine = _Engine(call)
    names["Run"](engine)
    json.dump(engine.result.value, sys.stdout)


if __name__ == "__main__":
    main()
