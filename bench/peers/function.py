"""The trivial endpoint, as a function for functions-framework."""

import flask


def run(request: flask.Request) -> dict[str, str | None]:
    """Answer as the measured endpoint does."""
    return {"hello": request.args.get("name")}
