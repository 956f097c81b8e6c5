"""An endpoint that reports what code can see from inside its sandbox."""

import os
import socket


def Run(engine):
    return {
        "user": os.getuid(),
        "processes": [int(name) for name in os.listdir("/proc") if name.isdigit()],
        "network": connects("192.0.2.1", 80),
        "home": os.listdir("/tmp"),
        "secrets": sorted(name for name in os.environ if "TOKEN" in name or "DATABASE" in name),
        "shadow": can_read("/etc/shadow"),
    }


def can_read(path):
    try:
        with open(path) as file:
            return bool(file.read(1))
    except OSError as error:
        return error.strerror


def connects(host, port):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError as error:
        return error.strerror
