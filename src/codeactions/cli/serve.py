"""`codeactions serve`: the server from its first line of output to its last."""

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
import uvloop

from codeactions.cli.introduction import Token, introduction
from codeactions.cli.logging import configure, say
from codeactions.domain.errors import Error, ErrorCode
from codeactions.http.app import create_app
from codeactions.migrate.api import open_closed_streams
from codeactions.node.node import Node
from codeactions.node.secret_keys import server_keys
from codeactions.node.secrets import load_or_make_token, token_path
from codeactions.node.settings import Settings
from codeactions.node.wiring import ServerSecrets

_BACKLOG = 2048
# The kernel disconnects a client that has taken nothing for as long as a run may take. Nothing else would ever end its
# connection: one that is closed still waits until all that was sent is taken.
_TAKES_NOTHING_MS = 300_000


def serve(settings: Settings, *, insecure: bool) -> None:
    """Serve until SIGINT or SIGTERM. Raises `Error` when it cannot start."""
    open_closed_streams()
    configure(settings.log_format)
    _raise_open_files()
    uvloop.run(_serve(settings, insecure=insecure))


def _raise_open_files() -> None:
    """Raise the limit of descriptors to what the host allows: a run takes four, its caller one.

    Runs have a limit of their own.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(settings: Settings, *, insecure: bool) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    listener = _listen(settings.host, settings.port)
    token = _token(settings)
    secrets = ServerSecrets(token.value, server_keys(settings.secret_key, settings.data_dir))
    node = Node(settings, secrets, insecure=insecure, say=say)
    starting = asyncio.create_task(node.start())
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return
    context = starting.result()
    try:
        app = create_app(context)
        config = uvicorn.Config(
            app,
            lifespan="off",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            # By default uvicorn trusts the headers of every caller on this host.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await server.ready.wait()
        host, port = listener.getsockname()[:2]
        example = await node.open_example()
        lines = introduction(settings, (host, port), token, example, terminal=_is_terminal())
        _show("\n".join(lines))
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        say("stopping")
        server.should_exit = True
        await serving
    finally:
        waiting.cancel()
        await node.stop()
    say("stopped")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and set `ready`."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: uvicorn would end the process before sandboxes and database are stopped."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    """Listen on the port, before anything else is started. Raises `Error` that says what to do."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _TAKES_NOTHING_MS)
        listener.bind(address)
    except socket.gaierror:
        raise Error(ErrorCode.INVALID, f"{host!r} is not an address of this host: check --host") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = f"find the process with `ss -ltnp 'sport = :{port}'`, or choose another with --port"
            raise Error(ErrorCode.CONFLICT, f"port {port} on {host} is in use: {hint}") from None
        raise Error(ErrorCode.INVALID, f"cannot listen on {host} port {port}: {error.strerror}") from None
    listener.set_inheritable(False)
    return listener


def _token(settings: Settings) -> Token:
    """Return the administrator's token, and make it if there is none. Raises `Error`."""
    if settings.auth_token is not None:
        return Token(settings.auth_token, None, is_new=False)
    file = token_path(settings.data_dir)
    is_new = not os.path.exists(file)  # unlike Path.exists, it raises nothing in a folder that is closed
    return Token(load_or_make_token(settings.data_dir), file, is_new)


def _show(text: str) -> None:
    """Write a text to standard output, past its buffer: what cannot be written is lost, as in the log, and not kept."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError):  # the reader is gone, or the disk is full
            os.write(sys.stdout.fileno(), f"{text}\n".encode(errors="surrogateescape"))


def _is_terminal() -> bool:
    """Return whether a human sees standard output, and not a file, a pipe or a service's journal."""
    return sys.stdout is not None and sys.stdout.isatty()
