"""The one error type that crosses layers, and its closed set of codes."""

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Every error code of the API. The set is closed because clients switch on it."""

    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


class Error(Exception):
    """An error that is reported to the caller.

    message: for people. It names what is wrong and what to do, and never holds a secret.
    public: what callers other than the administrator are told in place of `message`. It is needed where the message
    names what is the operator's alone: settings, paths, hosts, programs. Internal errors need none: callers never get
    their message.
    details: further fields of the error answer, next to `error`; JSON values only.
    """

    def __init__(self, code: ErrorCode, message: str, *, public: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.public = public or ("internal error; see the server log" if code is ErrorCode.INTERNAL else message)
        self.details = details

    def __repr__(self) -> str:
        return f"<Error {self.code}: {self.message}>"


def invalid(message: str, **details: Any) -> Error:
    """Make the error for input that is refused. `message` says what to send instead."""
    return Error(ErrorCode.INVALID, message, **details)


def not_found(message: str) -> Error:
    """Make the error for a thing that does not exist, or whose existence the caller may not learn."""
    return Error(ErrorCode.NOT_FOUND, message)
