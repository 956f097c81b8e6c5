"""The secrets and variables that runs are given: read once for each project, and kept until one of them changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from codeactions.domain.code import Code
from codeactions.domain.errors import Error
from codeactions.domain.project_value import ValueKind
from codeactions.domain.run_values import NO_VALUES, RunValues
from codeactions.identity.cipher import Cipher
from codeactions.postgres.cache import Cache
from codeactions.postgres.project_values import ProjectValueStore, StoredValue

_CAPACITY = 64 * 1024 * 1024  # bytes of values, with 512 for each project


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in clear. pair: its name and text. error: why it cannot be in clear; then the text is empty."""

    pair: tuple[str, str] = field(repr=False)
    kind: ValueKind
    code_ids: frozenset[UUID] | None
    error: Error | None = None


class _ProjectValues:
    """All values of one project, and what each of its codes is given."""

    def __init__(self, values: Sequence[_Value]) -> None:
        self._values = values
        self._named = frozenset(code for value in values for code in value.code_ids or ())
        self._given: dict[UUID | None, RunValues] = {}  # by code; None: a code that no value names
        self.size = sum(len(value.pair[1]) for value in values)

    def of(self, code_id: UUID) -> RunValues:
        """Return what a code is given. Raises `Error` (internal) if one of it cannot be read."""
        key = code_id if code_id in self._named else None
        found = self._given.get(key)
        if found is None:
            found = self._given[key] = self._narrowed(key)
        return found

    def _narrowed(self, code_id: UUID | None) -> RunValues:
        given = [value for value in self._values if value.code_ids is None or code_id in value.code_ids]
        for value in given:
            if value.error is not None:
                raise value.error
        if not given:
            return NO_VALUES
        secrets = tuple(value.pair for value in given if value.kind is ValueKind.SECRET)
        variables = tuple(value.pair for value in given if value.kind is ValueKind.VARIABLE)
        return RunValues(secrets, variables)


class RunValuesCache:
    """Knows what runs are given: `ValuesOfCode` of execution/recorded_runs.py.

    A code gets the same object as long as nothing changes, so that what is made of it can be kept beside it.
    """

    def __init__(self, store: ProjectValueStore, cipher: Cipher) -> None:
        """`by_project` has to hear of changes."""
        self._store = store
        self._cipher = cipher
        self.by_project: Cache[str, _ProjectValues] = Cache(
            self._read, parse=str, capacity=_CAPACITY, size=lambda found: 512 + found.size
        )

    async def of(self, code: Code) -> RunValues:
        """Return what a run of a code is given.

        Raises `Error`: internal when a secret cannot be decrypted, busy while the database is away.
        """
        if code.project_uuid is None:
            return NO_VALUES
        values = await self.by_project.get(code.project_uuid)
        try:
            return values.of(code.id)
        except Error:
            self.by_project.forget(code.project_uuid)  # or the right key would be found only later
            raise

    async def _read(self, project_uuid: str) -> _ProjectValues:
        stored = await self._store.of_project(project_uuid)
        return _ProjectValues([self._in_clear(one) for one in stored])

    def _in_clear(self, stored: StoredValue) -> _Value:
        codes = None if stored.code_ids is None else frozenset(stored.code_ids)
        if stored.encrypted is None:
            return _Value((stored.name, stored.plain or ""), stored.kind, codes)
        try:
            text = self._cipher.decrypt(stored.encrypted, stored.identity).decode()
        except Error as error:
            told = Error(error.code, f"secret {stored.name!r} of project {stored.project_uuid}: {error.message}")
            return _Value((stored.name, ""), stored.kind, codes, told)
        return _Value((stored.name, text), stored.kind, codes)
