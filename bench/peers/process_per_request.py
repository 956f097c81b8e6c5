"""A minimal server that starts `python` for each request, as services without a sandbox do.

HTTP stack and PostgreSQL are those of the measured server and the same two rows are written, so that only the
execution differs. There is no router, no validation and no limit on the number of processes.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
import uvloop
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

_FOLDER = Path(__file__).resolve().parent
_BACKLOG = 2048
_CONNECTIONS = 16
_START = """
INSERT INTO coderuns (id, code_id, status, extra, params, body, headers)
VALUES (%s, %s, 'started', %s, %s, %s, %s)
"""
_END = """
UPDATE coderuns SET status = 'completed', result = %s, extra = extra || %s, updated_at = now() WHERE id = %s
"""


class App:
    """The ASGI application: any path runs the one code."""

    def __init__(
        self, pool: "AsyncConnectionPool[AsyncConnection[Any]]", script: Path, code_id: str, source: str
    ) -> None:
        self._pool = pool
        self._script = script
        self._code_id = code_id
        self._source = source

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = await _body(receive)
        params = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        call = {"source": self._source, "params": params, "headers": headers, "body": body}
        run_id = uuid.uuid4()
        async with self._pool.connection() as connection:
            start = (run_id, self._code_id, Jsonb({"node": "peer"}), Jsonb(params), body, Jsonb(headers))
            await connection.execute(_START, start)
        result = await self._execute(call)
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

    async def _execute(self, call: dict[str, Any]) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(self._script), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
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
        app = App(pool, _FOLDER / arguments.script, arguments.code, arguments.source)
        config = uvicorn.Config(
            app,
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
    parser.add_argument("--code", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--script", required=True, choices=("engine_plain.py", "engine_imports.py"))
    uvloop.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
