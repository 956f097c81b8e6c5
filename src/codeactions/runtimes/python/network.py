"""Errors of the network that say why: runs have none."""

from __future__ import annotations

import errno
import functools
import os
import socket
from collections.abc import Callable

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

_NOTE = "runs have no network"
_TRY_AGAIN = 2  # of <netdb.h>, the number of `herror`
_NUMBERS = (errno.ENETUNREACH, errno.EHOSTUNREACH, socket.EAI_AGAIN)
_LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
_METHODS = ("connect", "sendto")


def tell_of_none() -> None:
    """Let the errors of sockets and of look-ups tell it, in the zygote. Their types and numbers stay."""
    if os.getppid() != 1:  # the launcher is init of its namespace, except where runs have no walls
        return
    for name in _LOOKUPS:
        setattr(socket, name, _telling(getattr(socket, name)))
    for name in _METHODS:
        setattr(socket.socket, name, _telling(getattr(socket.socket, name)))


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            if error.errno in _NUMBERS or (isinstance(error, socket.herror) and error.errno == _TRY_AGAIN):
                error.strerror = f"{error.strerror}; {_NOTE}"
                error.args = (error.errno, error.strerror)
            raise

    return call
