"""The one error type that crosses layers, with its closed set of codes."""

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Every code an answer of the API can carry. Closed: clients switch on it."""

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
    """Something went wrong in a way the caller is told about.

    `message` is for people: it names what is wrong and what to do, and never holds a secret.
    `details` are further fields of the error answer, beside `error` (JSON values only).
    """

    def __init__(self, code: ErrorCode, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def __repr__(self) -> str:
        return f"<Error {self.code}: {self.message}>"


def invalid(message: str, **details: Any) -> Error:
    """What the caller sent cannot be taken; `message` says what to send instead."""
    return Error(ErrorCode.INVALID, message, **details)


def not_found(message: str) -> Error:
    """The thing does not exist, or the caller may not know that it does."""
    return Error(ErrorCode.NOT_FOUND, message)
