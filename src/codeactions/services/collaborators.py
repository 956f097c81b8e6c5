"""Protocols of the parts that the services which run codes work with."""

from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from codeactions.domain.caller import Caller
from codeactions.domain.code import Code
from codeactions.domain.ids import AnyId
from codeactions.domain.run import AnsweredRun, Call, FinishedRun
from codeactions.execution.open_run import OpenRun
from codeactions.postgres.codes import CodeName, CodeWithProtection

ReadBody = Callable[[], Awaitable[bytes]]
"""Reads the request's body. Raises `Error`: too_large, timeout, invalid."""


class Keys(Protocol):
    """Recognises the keys of this server: `Identities`, or a fake of a test."""

    def holds_secret(self, value: str) -> bool:
        """Return whether a header's value holds a token of this server."""

    def is_credential(self, authorization: str) -> bool:
        """Return whether an Authorization header holds a token that opens something here."""


class CodesById(Protocol):
    """Codes with their protections: a cache, or a fake of a test."""

    async def get(self, key: UUID, /) -> CodeWithProtection:
        """Return a code. Raises `Error`: not_found, busy."""


class CodesByName(CodesById, Protocol):
    """The same, by name as well: `CodeCache`, or a fake of a test."""

    def forget(self, key: UUID, /) -> None:
        """Drop what is kept of a code."""

    def known(self, name: CodeName, /) -> UUID | None:
        """Return the id of a name, if it can be told without a look at the database."""

    async def id_of(self, name: CodeName, /) -> UUID:
        """Return the id of the one code of this name. Raises `Error`: not_found, conflict, busy."""


class Ids(Protocol):
    """Knows the ids that callers may give: `OldIds`, or a fake of a test."""

    async def code(self, given: AnyId, /) -> UUID | None:
        """Return the id of the code that a caller means; None if there is none. Raises `Error`: invalid, busy."""

    async def run(self, given: AnyId, /) -> UUID | None:
        """Return the id of the run that a caller means; None if there is none. Raises `Error`: invalid, busy."""

    async def in_links(self) -> bool:
        """Return whether runs may name their code by its old id alone. Raises `Error`: busy."""


class Callers(Keys, Protocol):
    """Recognises callers: `Identities`, or a fake of a test."""

    def is_administrator(self, authorization: str) -> bool:
        """Return whether an Authorization header holds the administrator's token."""

    async def identify(self, authorization: str, address: str) -> Caller:
        """Return the caller. Raises `Error`: unauthorized, busy."""


class Runs(Protocol):
    """Runs codes and records the runs: `RecordedRuns`, or a fake of a test."""

    async def run(self, code: Code, call: Call) -> FinishedRun | OpenRun:
        """Run a code once and record it. Return when it is over, or has begun an answer that goes out meanwhile.

        Raises `Error`: busy, not_found.
        """

    async def run_to_answer(self, code: Code, call: Call) -> FinishedRun | AnsweredRun:
        """Run a code once and record it. Return when its answer is whole. Raises `Error`: busy, not_found."""


class SourceCheck(Protocol):
    """Checks sources: `Builds`, or a fake of a test."""

    async def check(self, language: str, source: str) -> str | None:
        """Build a source, and return the key of what was built, if anything was.

        Raises `Error`: invalid (with `error_type`, `line`, `column`), busy.
        """
