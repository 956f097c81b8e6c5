"""A RabbitMQ of the tests' own: on loopback ports, with everything it writes in a temporary folder."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

from harness import children_of, is_alive, wait_until

# Debian's command in PATH is a wrapper that wants to be the user rabbitmq, with the system's own folders.
_DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_CONFIG = """
listeners.tcp.1 = 127.0.0.1:{port}
disk_free_limit.absolute = 1MB
log.console = false
load_definitions = {folder}/definitions.json
"""
PASSWORD = "sec/ret:p@ss"
# `reader` may use what is there, and make nothing.
_DEFINITIONS = {
    "vhosts": [{"name": "/"}],
    "users": [{"name": name, "password": PASSWORD, "tags": ""} for name in ("owner", "reader")],
    "permissions": [
        {"user": "owner", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
        {"user": "reader", "vhost": "/", "configure": "^$", "write": ".*", "read": ".*"},
    ],
}


def program() -> str | None:
    """Where rabbitmq-server is; None: not installed."""
    return str(_DEBIAN) if _DEBIAN.exists() else shutil.which("rabbitmq-server")


def free_ports(number: int) -> list[int]:
    """Different ports of loopback that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [int(probe.getsockname()[1]) for probe in probes]


class RabbitMQ:
    """`start` may be called again after `kill`: the broker finds its messages in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, *others = free_ports(3)
        epmd_port, distribution_port = map(str, others)
        (folder / "rabbitmq.conf").write_text(_CONFIG.format(port=self.port, folder=folder))
        (folder / "definitions.json").write_text(json.dumps(_DEFINITIONS))
        (folder / "enabled_plugins").write_text("[].")
        own = {
            "HOME": str(folder),  # of the cookie
            "RABBITMQ_NODENAME": f"codeactions-{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": distribution_port,
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # One scheduler, which sleeps when there is nothing to do; nothing but loopback.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": epmd_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RUNNING_UNDER_SYSTEMD": "yes",  # the script becomes the broker, instead of a parent that waits for it
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        self._environment = kept | own
        # Started here, or the broker would start one that outlives it.
        self._epmd = subprocess.Popen(["epmd", "-port", epmd_port, "-address", "127.0.0.1"], env=self._environment)
        self._broker: subprocess.Popen[bytes] | None = None

    def url(self, user: str = "owner", password: str = PASSWORD) -> str:
        """An address, as one user."""
        return f"amqp://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/"

    def start(self) -> "RabbitMQ":
        """Start it and wait until it takes connections."""
        found = program()
        assert found is not None
        with (self._folder / "output").open("ab") as output:
            self._broker = subprocess.Popen(
                [found],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._answers, 90, "RabbitMQ's start")
        except AssertionError as error:
            self.kill()
            raise AssertionError((self._folder / "output").read_text()[-4000:]) from error
        return self

    def kill(self) -> None:
        """kill -9, of the broker and of all that it has started."""
        if self._broker is None:
            return
        pids = [*children_of(self._broker.pid), self._broker.pid]
        self._broker.kill()
        self._broker.wait(10)
        for pid in pids:
            if is_alive(pid):  # helpers, which end by themselves when their pipe does
                wait_until(lambda pid=pid: not is_alive(pid), 10, f"the end of {pid}")
        self._broker = None

    def stop(self) -> None:
        """The end of everything."""
        self.kill()
        self._epmd.send_signal(signal.SIGKILL)
        self._epmd.wait(10)

    def _answers(self) -> bool:
        assert self._broker is not None
        assert self._broker.poll() is None, "RabbitMQ has ended"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False
