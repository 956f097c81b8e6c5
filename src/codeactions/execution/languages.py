"""The languages of this node, from what was found to what has been seen to work."""

import asyncio
from collections.abc import Callable

from codeactions.background.task import BackgroundTask
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import new_id
from codeactions.domain.job import Admission, Job
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.builds import Builds, SourceRefused
from codeactions.execution.executor import Executor
from codeactions.execution.local import LocalExecutor
from codeactions.runtimes.preparation import State
from codeactions.runtimes.registry import Registry
from codeactions.runtimes.runtime import WORKS, Runtime
from codeactions.sandbox.config import LauncherConfig
from codeactions.sandbox.server.pool import SandboxPool

_TRY_SECONDS = 20.0
_TRY_AGAIN_SECONDS = 2.0
_PATIENT_TRIES = 3


class Languages:
    """The builds and runtimes of a node. `start` is quick: preparations and trials go on in the background."""

    def __init__(
        self,
        registry: Registry,
        config: LauncherConfig,
        store: ArtifactStore,
        *,
        say: Callable[[str], None],
        seconds: float = 20.0,
    ) -> None:
        """Take the launcher of builds (`config`); `say` gets a line about what takes long, and what does not work."""
        self._registry = registry
        self._runtimes = tuple(registry.found.values())
        self._say = say
        self._pool = SandboxPool(config)
        self._store = store
        self.builds = Builds(registry, LocalExecutor(self._pool, registry, store), store, seconds=seconds)
        self._trying: BackgroundTask | None = None
        self._tried = {runtime.language for runtime in self._runtimes if not runtime.trial}

    def __repr__(self) -> str:
        return f"<Languages {', '.join(self._registry.found)}>"

    async def start(self, *, prepare: bool = True) -> None:
        """Start the sandboxes of builds, and preparing what is not prepared. Raises `Error` (internal)."""
        for problem in self._registry.problems.values():
            self._say(problem.message)
        await self._pool.start()
        if prepare:
            for runtime in self._runtimes:
                runtime.preparation.start(self._say)

    def hurry(self) -> None:
        """Let the preparations take the whole machine: for a process that serves no calls. Call it before `start`."""
        for runtime in self._runtimes:
            runtime.preparation.hurry()

    async def prepared(self, seconds: float) -> None:
        """Wait until all languages are prepared, at most `seconds`. Raises `Error` (busy) if one is not."""
        await asyncio.gather(*(runtime.preparation.wait(seconds) for runtime in self._runtimes))

    def try_in(self, executor: Executor) -> None:
        """Begin to try each language in the sandboxes of runs. A language that does not work there is taken down."""
        self._trying = BackgroundTask("trying the languages", lambda: self._try_all(executor))
        self._trying.start()

    async def tried(self, executor: Executor) -> dict[str, dict[str, object]]:
        """Try the languages that are prepared, and return the state of all as `as_json` does."""
        for runtime in self._to_try():
            if runtime.preparation.state is State.READY:
                await self._judge(runtime, executor)
        return self.as_json()

    async def stop(self) -> None:
        """End all builds and preparations."""
        if self._trying:
            await self._trying.stop()
        for runtime in self._runtimes:
            await runtime.preparation.stop()
        await self._pool.stop()
        self._store.close()

    def as_json(self) -> dict[str, dict[str, object]]:
        """Return each language's `state` (`ready`, `preparing`, `broken`) with its version, progress or reason."""
        found: dict[str, dict[str, object]] = {}
        for language, runtime in self._registry.found.items():
            state: dict[str, object] = {"state": State.READY if language in self._tried else State.PREPARING}
            if runtime.preparation.state is not State.READY:
                state = runtime.preparation.as_json()
            found[language] = {**state, "version": runtime.version}
        for language, problem in self._registry.problems.items():
            found[language] = {"state": State.BROKEN, "reason": problem.message}
        return found

    async def _try_all(self, executor: Executor) -> None:
        for runtime in self._to_try():
            await runtime.preparation.settled()
            if runtime.preparation.state is State.READY:  # else the preparation says why it is not
                await self._judge(runtime, executor, patient=True)

    def _to_try(self) -> list[Runtime]:
        """Return the languages that have a trial; first those that are prepared, so that none waits for another."""
        found = [runtime for runtime in self._registry.found.values() if runtime.trial]
        return sorted(found, key=lambda runtime: runtime.preparation.state is not State.READY)

    async def _judge(self, runtime: Runtime, executor: Executor, *, patient: bool = False) -> None:
        """Try a language, and take it down if it does not work.

        patient: try a few times, and wait for a slot: on a busy node, a failure may pass.
        """
        language = runtime.language
        tries = _PATIENT_TRIES if patient else 1
        while True:
            try:
                problem = await self._try(runtime, executor)
                tries -= 1
            except Error as busy:
                problem = busy.message
                tries -= not patient
            if not problem:
                self._tried.add(language)
                return
            if not tries:
                self._say(f"{language} does not work here: {problem}")
                self._registry.give_up(language, problem)
                return
            await asyncio.sleep(_TRY_AGAIN_SECONDS)

    async def _try(self, runtime: Runtime, executor: Executor) -> str:
        """Return what is wrong; "" if nothing is. Raises `Error` (busy) when there was no slot to try it in."""
        try:
            prepared = await self.builds.prepare(runtime.language, runtime.trial)
            job = Job(
                id=new_id(),
                language=runtime.language,
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
        if outcome.error is not None:
            return " ".join([outcome.error.message, *(line.content for line in outcome.logs[-3:])])
        assert outcome.answer is not None
        answer = outcome.answer.body.decode(errors="replace")
        return "" if answer == WORKS else answer
