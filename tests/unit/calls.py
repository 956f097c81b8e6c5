"""Plain fakes of what the services that run codes work with. Each notes in `steps` that it was asked."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.code import Code, CodeDraft, code_not_found, endpoint_not_found, new_code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId, OldId
from codeactions.domain.protection import Protection, ProtectionKind
from codeactions.domain.record import finish_run, start_run
from codeactions.domain.role import Role
from codeactions.domain.run import Answer, Call, FinishedRun, Outcome
from codeactions.limits.quota import Quota
from codeactions.postgres.codes import CodeName, CodeWithProtection
from codeactions.services.call_request import CallRequest

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ID = UUID(int=1)
OLD = OldId("507f1f77bcf86cd799439011")
ADMINISTRATOR = "Bearer the administrator's"
USER = "Bearer a user's"
ADDRESS = "2001:db8:1:2:3::4"


def stored(kind: ProtectionKind | None = None, *, type: str = "endpoint", **fields: Any) -> CodeWithProtection:  # noqa: A002
    """A code of project "p", protected in this way."""
    draft = CodeDraft(name="n", type=type, source="x", language="python", project_uuid="p")
    code = new_code(draft, id=ID, now=NOW)
    if kind is None:
        return CodeWithProtection(code, None)
    return CodeWithProtection(code, Protection(code_id=ID, kind=kind, created_at=NOW, updated_at=NOW, **fields))


def request(code_id: object = ID, **headers: str) -> CallRequest:
    """A request for a run; underscores in names of headers are dashes."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return CallRequest(code_id=str(code_id), method="PUT", path="/a/b", query="q=1", headers=pairs, address=ADDRESS)


class Ids:
    """The ids that there are: of old ones, `OLD` alone, which is `ID`."""

    async def code(self, given: AnyId, /) -> UUID | None:
        """The id of a code."""
        return given if isinstance(given, UUID) else ID if given == OLD else None

    run = code

    async def in_links(self) -> bool:
        """Whether runs may name their code by its old id alone."""
        return False


class Fakes:
    """A limiter, callers, codes, runs and a body. used_up: which limits are."""

    def __init__(self, found: CodeWithProtection | None, role: Role | None = None) -> None:
        self.steps: list[str] = []
        self.used_up: set[str] = set()
        self.calls: list[Call] = []
        self._found = found
        self._roles = {} if role is None else {"p": role}

    async def take(self, *, code: str | None, caller: str | None) -> Quota | None:
        """Count a call; the limit of a code is tighter than that of a caller."""
        counted = " and ".join(name for name, key in (("code", code), ("caller", caller)) if key is not None)
        self.steps.append(f"count {counted}: {', '.join(key for key in (code, caller) if key is not None)}")
        if counted in self.used_up:
            raise Error(ErrorCode.RATE_LIMITED, f"the limit of {counted}")
        return Quota(10, 3 if code else 7, 60)

    async def get(self, key: UUID, /) -> CodeWithProtection:
        """The one code there is."""
        self.steps.append("find")
        if self._found is None or key != ID:
            raise code_not_found(key)
        return self._found

    def forget(self, key: UUID, /) -> None:
        """Nothing is kept."""
        self.steps.append("forget")

    def known(self, name: CodeName, /) -> UUID | None:
        """Nothing is kept."""
        return None

    async def id_of(self, name: CodeName, /) -> UUID:
        """The one code there is, if it has this name."""
        self.steps.append(f"find {name}")
        if self._found is None or not name.fits(self._found.code):
            raise endpoint_not_found(name)
        return ID

    def is_administrator(self, authorization: str) -> bool:
        """Whether this is the administrator's."""
        return authorization == ADMINISTRATOR

    async def identify(self, authorization: str, address: str) -> Caller:
        """The user, or the administrator."""
        self.steps.append("identify")
        if authorization == ADMINISTRATOR:
            return Caller(kind=CallerKind.ADMINISTRATOR, name="administrator", everywhere=True)
        if authorization != USER:
            raise Error(ErrorCode.UNAUTHORIZED, "unknown")
        return self.user

    @property
    def user(self) -> Caller:
        """A user with the role in project "p"."""
        return Caller(kind=CallerKind.USER, name="ana", email="ana@example.com", roles=self._roles)

    def is_credential(self, authorization: str) -> bool:
        """Whether this opens something here."""
        return authorization in (ADMINISTRATOR, USER)

    def holds_secret(self, value: str) -> bool:
        """Whether there is a token of the server in it."""
        return "ca_secret" in value

    async def is_right(self, protection: Protection, authorization: str) -> bool:
        """Whether the password is right."""
        self.steps.append("check password")
        return authorization == "Basic right"

    async def read_body(self) -> bytes:
        """The body."""
        self.steps.append("read body")
        return b"body"

    async def run_to_answer(self, code: Code, call: Call) -> FinishedRun:
        """A run that answers."""
        return await self.run(code, call)

    async def run(self, code: Code, call: Call) -> FinishedRun:
        """A run that answers."""
        self.steps.append("run")
        self.calls.append(call)
        run = start_run(code, call, id=UUID(int=2), at=NOW, node="n", instance=1, queue_ms=0)
        return finish_run(run, Outcome(answer=Answer(b"")), NOW)
