"""One call in one interpreter, the way unsandboxed services start it: the call as JSON in, the result as JSON out."""

import json
import sys


class _Params:
    def __init__(self, values):
        self._values = values

    def get(self, key, default=None):
        return self._values.get(key, default)


class _Result:
    value = None

    def set(self, value):
        self.value = value


class _Engine:
    def __init__(self, call):
        self.params = _Params(call["params"])
        self.result = _Result()


def main():
    """Run the source that comes with the call."""
    call = json.load(sys.stdin)
    names = {}
    exec(compile(call["source"], "code.py", "exec"), names)
    engine = _Engine(call)
    names["Run"](engine)
    json.dump(engine.result.value, sys.stdout)


if __name__ == "__main__":
    main()
