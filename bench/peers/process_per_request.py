"""A minimal server that starts a process for each request, as services without warm sandboxes do.

The process gets the call as one JSON object on standard input and writes the result to standard output.

The HTTP stack and PostgreSQL are those of the measured server, and the same two rows are written, so that only the
execution differs. There is no router, no validation and no limit on the number of processes.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
import uvloop
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

_BACKLOG = 2048
_CONNECTIONS = 16
_START = """
INSERT INTO coderuns (id, code_id, status, extra, params, body, headers)
VALUES (%s, %s, 'started', %s, %s, %s, %s)
"""
_END = """
UPDATE coderuns SET status = 'completed', result = %s, extra = extra || %s, updated_at = now() WHERE id = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A code, and the command that runs it. Each call passes `source` to the command."""

    code: str
    command: tuple[str, ...]
    source: str = ""


class App:
    """The ASGI application, with a path for each action."""

    def __init__(self, pool: "AsyncConnectionPool[AsyncConnection[Any]]", actions: Mapping[str, Action]) -> None:
        self._pool = pool
        self._actions = actions

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        action = self._actions[scope["path"]]
        body = await _body(receive)
        params = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        call = {"source": action.source, "params": params, "headers": headers, "body": body}
        run_id = uuid.uuid4()
        async with self._pool.connection() as connection:
            start = (run_id, action.code, Jsonb({"node": "peer"}), Jsonb(params), body, Jsonb(headers))
            await connection.execute(_START, start)
        result = await _execute(action.command, call)
        async with self._pool.connection() as connection:
            extra = Jsonb({"status_code": 200, "content_type": "application/json"})
            await connection.execute(_END, (result.decode(), extra, run_id))
        answer = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(result)).encode()),
            (b"x-run-id", str(run_id).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": answer})
        await send({"type": "http.response.body", "body": result})


async def _execute(command: tuple[str, ...], call: dict[str, Any]) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        result, _ = await process.communicate(json.dumps(call).encode())
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"the process ended with {process.returncode}")
    return result


async def _body(receive: Any) -> str:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks).decode()


async def _serve(arguments: argparse.Namespace) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        arguments.database, kwargs={"autocommit": True}, min_size=_CONNECTIONS, max_size=_CONNECTIONS, open=False
    )
    async with pool:
        await pool.wait()
        actions = {
            path: Action(**{**action, "command": tuple(action["command"])})
            for path, action in json.loads(arguments.actions).items()
        }
        config = uvicorn.Config(
            App(pool, actions),
            lifespan="off",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        print(f"serving on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--actions", required=True, help="JSON: by path, the fields of an Action")
    uvloop.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
