"""The languages of this node, from what was found to what has been seen to work."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import new_id
from codeactions.domain.job import Admission, Job
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.builds import Builds, SourceRefused
from codeactions.execution.executor import Executor
from codeactions.execution.local import LocalExecutor
from codeactions.runtimes.go.standard_library import StandardLibrary
from codeactions.runtimes.registry import Registry
from codeactions.sandbox.config import LauncherConfig
from codeactions.sandbox.server.pool import SandboxPool

_TRY_SECONDS = 20.0
_TRY_AGAIN_SECONDS = 2.0
_PATIENT_TRIES = 3
# Each answers "works". JavaScript also sees whether a hot loop is compiled: the reservation for it has a setting that
# Bun does not promise to keep (runtimes/javascript/paths.py).
_TRIALS = {
    "javascript": """
import { numberOfDFGCompiles } from "bun:jsc";
function hot(n: number) { let s = 0; for (let i = 0; i < n; i++) s += i % 7; return s; }
export function Run() {
  // It is compiled in another thread, which may have to wait for a core.
  const end = Date.now() + 10_000;
  while (numberOfDFGCompiles(hot) === 0 && Date.now() < end) hot(1000);
  return numberOfDFGCompiles(hot) > 0 ? "works" : "hot loops are not compiled";
}
""",
    "go": """
package action

import "codeactions"

func Run(engine *codeactions.Engine) error { return engine.Result.Set("works") }
""",
}


class Languages:
    """Builds and runtimes of a node. `start` is quick: what takes long goes on in the background."""

    def __init__(
        self,
        catalogue: Registry,
        config: LauncherConfig,
        store: ArtifactStore,
        *,
        say: Callable[[str], None],
        seconds: float = 20.0,
    ) -> None:
        """config: the launcher of builds. say: gets a line about what takes long, and what does not work."""
        self._catalogue = catalogue
        self._say = say
        self._pool = SandboxPool(config)
        self._store = store
        go = catalogue.found.get("go")
        self._library = StandardLibrary(go, say) if go else None
        executor = LocalExecutor(self._pool, catalogue, store)
        self.builds = Builds(catalogue, executor, store, library=self._library, seconds=seconds)
        self._tried: set[str] = {"python"}
        self._trying: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Languages {', '.join(self._catalogue.found)}>"

    async def start(self, *, prepare: bool = True) -> None:
        """Start the sandboxes of builds, and preparing what is not prepared. Raises `Error` (internal)."""
        for problem in self._catalogue.problems.values():
            self._say(problem.message)
        await self._pool.start()
        if self._library and prepare:
            self._library.start()

    async def prepared(self, seconds: float) -> None:
        """Wait for what is being prepared, so long. Raises `Error` (busy) if it does not come about."""
        if self._library:
            await self._library.wait(seconds)

    def try_in(self, executor: Executor) -> None:
        """Begin to try each language in the sandboxes of runs: what does not work there is taken down."""
        self._trying = asyncio.create_task(self._try_all(executor), name="trying the languages")

    async def tried(self, executor: Executor) -> dict[str, dict[str, object]]:
        """Try those that are prepared, and tell of all as `as_json` does."""
        for language in self._to_try():
            if language != "go" or self._library is None or self._library.state == "ready":
                await self._judge(language, executor)
        return self.as_json()

    async def stop(self) -> None:
        """End all builds."""
        if self._trying:
            self._trying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._trying
        if self._library:
            await self._library.stop()
        await self._pool.stop()
        self._store.close()

    def as_json(self) -> dict[str, dict[str, object]]:
        """By language: `state` (`ready`, `preparing`, `broken`), with the version, the progress or the reason."""
        found: dict[str, dict[str, object]] = {}
        for language, runtime in self._catalogue.found.items():
            state: dict[str, object] = {"state": "ready" if language in self._tried else "preparing"}
            if language == "go" and self._library:
                state |= self._library.as_json() if self._library.state != "ready" else {}
            found[language] = {**state, "version": runtime.version}
        for language, problem in self._catalogue.problems.items():
            found[language] = {"state": "broken", "reason": problem.message}
        return found

    async def _try_all(self, executor: Executor) -> None:
        for language in self._to_try():
            if language == "go" and self._library:
                await self._library.settled()
                if self._library.state != "ready":
                    continue  # which says why by itself
            await self._judge(language, executor, patient=True)

    def _to_try(self) -> list[str]:
        return [language for language in _TRIALS if language in self._catalogue.found]

    async def _judge(self, language: str, executor: Executor, *, patient: bool = False) -> None:
        """Try it, and take it down if it does not work.

        patient: a few times, and until there is a slot: what goes wrong on a busy node may pass.
        """
        tries = _PATIENT_TRIES if patient else 1
        while True:
            try:
                problem = await self._try(language, executor)
                tries -= 1
            except Error as busy:
                problem = busy.message
                tries -= not patient
            if not problem:
                self._tried.add(language)
                return
            if not tries:
                self._say(f"{language} does not work here: {problem}")
                self._catalogue.give_up(language, problem)
                return
            await asyncio.sleep(_TRY_AGAIN_SECONDS)

    async def _try(self, language: str, executor: Executor) -> str:
        """What is wrong; "" if nothing is. Raises `Error` (busy) when there was no slot to try it in."""
        try:
            prepared = await self.builds.prepare(_trial(language))
            job = Job(
                id=new_id(),
                language=language,
                source=prepared.source,
                artifact=prepared.artifact,
                timeout=_TRY_SECONDS,
                admission=Admission(most_waiting=1024, wait_seconds=_TRY_SECONDS),
            )
            execution = await executor.start(job)
        except SourceRefused as refused:
            return refused.error.message
        except Error as error:
            if error.code is ErrorCode.BUSY:
                raise
            return error.message
        outcome = await execution.outcome()
        if outcome.answer is None:
            assert outcome.error is not None
            return " ".join([outcome.error.message, *(line.content for line in outcome.logs[-3:])])
        answer = outcome.answer.body.decode(errors="replace")
        return "" if answer == "works" else answer


def _trial(language: str) -> Code:
    now = datetime.now(UTC)
    return Code(
        id=UUID(int=0),
        name="trial",
        type="flow",
        source=_TRIALS[language],
        language=language,
        url=None,
        project_uuid="",
        timeout=60,
        created_at=now,
        updated_at=now,
    )
