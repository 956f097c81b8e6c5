"""Trials: a draft of a code runs in the sandbox, recorded as a trial, and nothing that is live is touched."""

import hashlib
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from codeactions.domain.access import USUAL_RULES, Action, RoleRules
from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code, code_not_found
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId
from codeactions.domain.run import AnsweredRun, FinishedRun
from codeactions.domain.trial import TrialDraft, tried_code
from codeactions.limits.call_meter import CallMeter
from codeactions.services.audited import AuditedDatabase
from codeactions.services.call_request import CallRequest, build_call
from codeactions.services.codes import as_known
from codeactions.services.collaborators import CodesById, Ids, Keys, Runs

ReadDraft = Callable[[], Awaitable[TrialDraft]]
"""Reads the draft from the request. Raises `Error`: invalid, too_large, timeout."""


class TrialService:
    """Tries drafts. The run gets what runs of the code get, its secrets too."""

    def __init__(
        self,
        audited: AuditedDatabase,
        runs: Runs,
        codes: CodesById,
        keys: Keys,
        ids: Ids,
        rules: RoleRules = USUAL_RULES,
    ) -> None:
        """runs: runs codes. keys: knows the keys that no code may see."""
        self._audited = audited
        self._runs = runs
        self._codes = codes
        self._keys = keys
        self._ids = ids
        self._require = rules.require

    async def run(
        self, caller: Caller, code_id: AnyId, read_draft: ReadDraft, meter: CallMeter, *, body_limit: int
    ) -> FinishedRun | AnsweredRun:
        """Run a draft of a code once. A run that failed is returned as well, also for a source that is refused.

        body_limit: bytes of the body. A run with work after its answer goes on. Raises `Error`: not_found, forbidden,
        rate_limited; what `read_draft` raises; invalid and too_large for parameters, headers and body; busy.
        """
        try:
            code = await self._tryable(caller, code_id)
        except Error:  # as at /run: a caller that may not try a code takes nothing from the code's limit
            await meter.take_for(caller)
            raise
        await meter.take_for(caller, code=str(code.id))
        draft = as_known(await read_draft())
        body = draft.content
        if len(body) > body_limit:
            raise Error(ErrorCode.TOO_LARGE, f"body must have at most {body_limit} bytes, not {len(body)}")
        request = CallRequest(
            code_id=str(code.id),
            method=draft.method,
            path=draft.decoded_path,
            raw_path=draft.raw_path,
            query=urlencode(draft.pairs),
            headers=tuple(draft.header_pairs),
            address=caller.address,
        )
        # Authorization is the caller's own here only by mistake: then it is a key of this server, and left out.
        call = build_call(request, body, keys=self._keys, public=True)
        tried = tried_code(code, draft)
        await self._note(caller, tried)
        return await self._runs.run_to_answer(tried, call)

    async def _tryable(self, caller: Caller, code_id: AnyId) -> Code:
        found = await self._ids.code(code_id)
        if found is None:
            raise code_not_found(code_id)
        code = (await self._codes.get(found)).code
        for action in (Action.CHANGE, Action.RUN):
            self._require(caller, action, code.project_uuid, code_not_found(code_id))
        return code

    async def _note(self, caller: Caller, tried: Code) -> None:
        """Note it in the audit log, before it runs: a draft may read the code's secrets, and no version tells of it."""
        sha256 = hashlib.sha256((tried.source or "").encode()).hexdigest()
        async with self._audited.transaction(caller) as transaction:
            await transaction.note(AuditAction.TRY, AuditThing.CODE, tried.id, tried.project_uuid, source_sha256=sha256)
