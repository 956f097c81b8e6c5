"""Taking over the secrets of the Go service: its plain values are copied into our table, encrypted."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from codeactions.domain.ids import new_id
from codeactions.domain.project_value import MOST_VALUES, TOTAL_LIMIT, VALUE_LIMIT, ProjectUse
from codeactions.domain.text import SHORT_TEXT
from codeactions.identity.cipher import Cipher
from codeactions.migrate.api import Added, Queries
from codeactions.postgres.service_secrets import Name, ServiceSecret, ServiceSecrets

_SHOWN = 50  # lines of each kind


@dataclass(frozen=True, slots=True)
class _Plan:
    """The secrets to copy, those whose name is taken, and the others with the reason."""

    copied: list[Name]
    taken: list[str]
    refused: list[str]


class AdoptedSecrets:
    """Copies the table `secrets` in the transaction of a takeover, as migrate/adoption.py asks for.

    cipher: encrypts; None as long as nothing is copied.
    """

    def __init__(self, cipher: Cipher | None = None, new_id: Callable[[], UUID] = new_id) -> None:
        self._cipher = cipher
        self._new_id = new_id

    def plan(self, connection: Queries) -> Added:
        """Return what `run` would do, in lines for people."""
        rows = ServiceSecrets(connection).listed()
        if rows is None:
            return Added()
        plan = _planned(rows)
        lines = [f"{len(plan.copied)} secrets of the table secrets are copied, encrypted"]
        lines += [f"not copied, since the project has this name already: {one}" for one in plan.taken[:_SHOWN]]
        lines += [f"not copied: {one}" for one in plan.refused[:_SHOWN]]
        if (left := max(0, len(plan.taken) - _SHOWN) + max(0, len(plan.refused) - _SHOWN)) > 0:
            lines.append(f"not copied: {left} more")
        lines.append(
            "the table secrets stays as it is, with its values in plain text: once the copies are proven, drop it by "
            "the statement DROP TABLE secrets"
        )
        return Added(tuple(lines), changes=bool(plan.copied), tables=("secrets",))

    def run(self, connection: Queries) -> None:
        """Copy."""
        secrets = ServiceSecrets(connection)
        plan = _planned(secrets.listed() or [])
        if plan.copied:
            assert self._cipher is not None
            secrets.copy(set(plan.copied), self._cipher.encrypt, self._new_id)


def _planned(rows: list[ServiceSecret]) -> _Plan:
    plan = _Plan([], [], [])
    uses: dict[str, ProjectUse] = {}
    seen = set[Name]()
    for row in rows:
        shown = f"{row.name!r} of project {row.project_uuid!r}"
        if (problem := _problem(row)) or row.project_uuid is None or row.name is None or row.size is None:
            plan.refused.append(f"{shown}, {problem}")
            continue
        key, before = (row.project_uuid, row.name), uses.get(row.project_uuid, row.use)
        if row.is_ours or key in seen:
            plan.taken.append(shown)
            continue
        after = ProjectUse(before.number + 1, before.size + row.size)
        if after.number > MOST_VALUES or after.size > TOTAL_LIMIT:
            plan.refused.append(
                f"{shown}, whose project has {MOST_VALUES} values or {TOTAL_LIMIT} bytes of them already"
            )
            continue
        seen.add(key)
        uses[row.project_uuid] = after
        plan.copied.append(key)
    return plan


def _problem(row: ServiceSecret) -> str:
    """Return why a row cannot be a secret of ours; empty if it can."""
    if row.name is None or row.project_uuid is None or row.size is None:
        return "of which a part is NULL or no text"
    if not row.name.strip() or not row.project_uuid.strip():
        return "whose name or project is empty"
    if len(row.name) > SHORT_TEXT or len(row.project_uuid) > SHORT_TEXT:
        return f"whose name or project has over {SHORT_TEXT} characters"
    if row.size == 0:
        return "whose value is empty"
    return f"whose value has {row.size} bytes, and {VALUE_LIMIT} are the most" if row.size > VALUE_LIMIT else ""
