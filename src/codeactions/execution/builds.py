"""Builds: each source is checked in a sandbox of its own. What is built of it is made once, and kept.

runtimes/build_worker.py is the side inside the sandbox.
"""

import asyncio
from dataclasses import dataclass

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.ids import new_id
from codeactions.domain.job import Admission, Job, JobKind, OutputLimits
from codeactions.domain.run import ErrorType, Outcome, RunError
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.executor import Executor
from codeactions.runtimes.registry import Registry, require_known
from codeactions.runtimes.runtime import Form, Runtime

_MB = 1024 * 1024
# Bytes of what is built. A large program is some 20 MB, a bundle with everything in it some 5; yet a line of source can
# ask for hundreds.
_MOST_BYTES = {Form.SOURCE: _MB, Form.TEXT: 16 * _MB, Form.PROGRAM: 64 * _MB}
_MOST_WAITING = 64
_PREPARING_SECONDS = 10.0  # that a deploy waits for its language to be prepared, before it says how long that takes


class SourceRefused(Exception):
    """The server's side of `InvalidSource`: the build refused the source. `error` is how a run of it fails."""

    def __init__(self, error: RunError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Prepared:
    """The input that a job gets from its code: the source as it is, or the key of what was built of it."""

    source: str = ""
    artifact: str | None = None


class Builds:
    """The builds of this node. seconds: how long a build may take, and how long it may wait for its turn."""

    def __init__(
        self,
        registry: Registry,
        executor: Executor,
        store: ArtifactStore,
        *,
        seconds: float = 20.0,
    ) -> None:
        self._registry = registry
        self._executor = executor
        self._store = store
        self._seconds = seconds
        self._building: dict[str, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"<Builds {len(self._building)} building>"

    async def check(self, language: str, source: str) -> str | None:
        """Build a source, so that its first run need not. Return the key of what was built; None if runs need nothing.

        Raises `Error`: invalid, with `error_type`, `line` and `column`, when the language does not accept it; busy when
        this node has no such runtime, or not yet.
        """
        runtime = self._registry.get(language)
        try:
            if runtime.form is Form.SOURCE:
                await self._run(runtime, source)
                return None
            key = self._store.key(runtime.fingerprint, source)
            await self._built(runtime, source, key)
            return key
        except SourceRefused as refused:
            error = refused.error
            place = f" (line {error.line}, column {error.column or 1})" if error.line else ""
            details = {"error_type": error.type, "line": error.line, "column": error.column}
            raise invalid(f"the source is not valid {language}: {error.message}{place}", **details) from None

    async def prepare(self, language: str, source: str) -> Prepared:
        """Return what a run of a source needs. Mostly it was built when the code was deployed.

        Raises `SourceRefused`, and `Error`: busy as `check` does; conflict for a language that there is none.
        """
        require_known(language)
        runtime = self._registry.get(language)
        if runtime.form is Form.SOURCE:
            return Prepared(source=source)
        key = self._store.key(runtime.fingerprint, source)
        if not self._store.has(key):
            await self._built(runtime, source, key)
        return Prepared(artifact=key)

    async def _built(self, runtime: Runtime, source: str, key: str) -> None:
        """Build a source and keep the result. Calls for the same source at the same time wait for the same build."""
        task = self._building.get(key)
        if task is None:
            task = self._building[key] = asyncio.create_task(self._build(runtime, source, key))
            task.add_done_callback(lambda _: self._building.pop(key, None))
        await asyncio.shield(task)

    async def _build(self, runtime: Runtime, source: str, key: str) -> None:
        if self._store.read(key) is None:  # reading notes a use: what is deployed again is kept longer
            await asyncio.to_thread(self._store.put, key, await self._run(runtime, source))

    async def _run(self, runtime: Runtime, source: str) -> bytes:
        await runtime.preparation.wait(_PREPARING_SECONDS)
        job = Job(
            id=new_id(),
            kind=JobKind.BUILD,
            language=runtime.language,
            source=source,
            timeout=self._seconds,
            output=OutputLimits(result_bytes=_MOST_BYTES[runtime.form]),
            admission=Admission(most_waiting=_MOST_WAITING, wait_seconds=self._seconds),
        )
        outcome = await (await self._executor.start(job)).outcome()
        if outcome.error is None:
            assert outcome.answer is not None
            return outcome.answer.body
        if outcome.error.type is ErrorType.LOST:
            raise Error(ErrorCode.BUSY, "the build was lost; try again")
        if outcome.error.type is not ErrorType.INVALID_SOURCE:
            raise SourceRefused(RunError(ErrorType.INVALID_SOURCE, self._why_it_failed(outcome)))
        raise SourceRefused(outcome.error)

    def _why_it_failed(self, outcome: Outcome) -> str:
        """Return the message for a build that ended by a limit, or by a mistake of the compiler itself."""
        assert outcome.error is not None
        match outcome.error.type:
            case ErrorType.TIMEOUT:
                return f"building it takes longer than {self._seconds:g} s"
            case ErrorType.MEMORY:
                return "building it takes more memory than a build may use"
        said = "; ".join(line.content for line in outcome.logs[-3:])
        message = outcome.error.message.replace("the run's process", "its process")
        return f"the compiler failed: {message} {said}".strip()
