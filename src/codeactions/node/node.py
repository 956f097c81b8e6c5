"""A whole node in one process: database, sandboxes, recorder and services, started in order and stopped in reverse."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from codeactions.background.task import BackgroundTask
from codeactions.domain.code import CodeDraft, new_code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.masked_names import MaskedNames
from codeactions.examples import PROJECT, examples
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.languages import Languages
from codeactions.execution.local import LocalExecutor
from codeactions.execution.recorded_runs import RecordedRuns
from codeactions.execution.selftest import check_walls
from codeactions.http.context import ApiContext
from codeactions.http.metrics import Metrics
from codeactions.identity.cipher import Cipher
from codeactions.node.migrations import NIL_VERSION, SchemaCheck, inspect, upgrade
from codeactions.node.settings import Settings
from codeactions.node.wiring import NodeParts, ServerSecrets, build_services
from codeactions.postgres.codes import CodeStore
from codeactions.postgres.database import Database
from codeactions.postgres.embedded.server import EmbeddedPostgres
from codeactions.postgres.pooling import require_sessions
from codeactions.postgres.project_values import ProjectValueStore
from codeactions.postgres.recording.reaper import Reaper
from codeactions.postgres.recording.recorder import Recorder
from codeactions.postgres.stored_secrets import StoredSecrets
from codeactions.runtimes.registry import Registry, language_of_ending
from codeactions.sandbox.server.pool import SandboxPool
from codeactions.services.key_rotation import unreadable
from codeactions.services.run_values import RunValuesCache

_WATCH_INTERVAL = 0.5  # seconds between two checks of the embedded database
_log = structlog.get_logger()


class Node:
    """Everything that `codeactions serve` runs, except the HTTP server.

    insecure: whether to start without a sandbox. say: called with each line about the start for people.
    """

    def __init__(
        self, settings: Settings, secrets: ServerSecrets, *, insecure: bool, say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._insecure = insecure
        self._say = say
        self._stack = contextlib.AsyncExitStack()
        self._codes: CodeStore | None = None

    async def start(self) -> ApiContext:
        """Start everything and return what the HTTP API works with. Raises `Error`, and then stops what was started."""
        try:
            return await self._start()
        except BaseException:  # Ctrl-C included: nothing may keep running
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Stop everything: runs first, the database last."""
        await self._stack.aclose()

    async def open_example(self) -> UUID | None:
        """Return the id of the first example, if it is there, and an endpoint without protection; else None."""
        assert self._codes is not None, "the node has started"
        try:
            found = await self._codes.get_with_protection(examples()[0].id)
        except Error:
            return None
        is_open = found.code.type == "endpoint" and found.protection is None
        return found.code.id if is_open else None

    async def _start(self) -> ApiContext:
        settings = self._settings
        timezone = settings.known_timezone()
        # The sandbox first: on a host without one, the database must stay as it is.
        registry = await asyncio.to_thread(settings.registry)
        artifacts = ArtifactStore(settings.data_dir / "artifacts", settings.artifacts_mb * 1024 * 1024)
        pool = self._make_pool(registry)
        executor = LocalExecutor(pool, registry, artifacts)
        await self._start_sandbox(pool, executor)
        languages = await self._start_languages(registry, artifacts)
        url = await self._start_database()
        is_new = (await asyncio.to_thread(inspect, url)).version == NIL_VERSION
        await asyncio.to_thread(require_sessions, url, "the server")
        version = await asyncio.to_thread(upgrade, url, progress=self._say)
        self._say(f"schema at version {version}")
        database = Database(url)
        self._stack.push_async_callback(database.close)
        await database.open()
        self._codes = CodeStore(database)

        recorder = Recorder(url, patience=settings.record_seconds)
        self._stack.push_async_callback(recorder.stop)
        await recorder.start()
        # A positive random number, which identifies this process among all that ever used the database.
        instance = secrets.randbelow(2**31 - 1) + 1
        reaper = Reaper(url, recorder, instance)
        self._stack.push_async_callback(reaper.stop)
        await reaper.start()
        metrics = Metrics()
        cipher = await self._cipher(database)
        values = RunValuesCache(ProjectValueStore(database), cipher)
        recorded = RecordedRuns(
            executor,
            recorder,
            builds=languages.builds,
            values=values,
            node=settings.node,
            instance=instance,
            limits=settings.output_limits(),
            admission=settings.admission(),
            timezone=timezone,
            masked_headers=settings.masked_header_names(),
            masked_params=MaskedNames.of(settings.masked_params),
            on_end=metrics.count_run,
        )
        self._stack.push_async_callback(recorded.close, settings.stop_seconds)
        self._add_gauges(metrics, pool)
        parts = NodeParts(database, recorded, languages.builds, metrics, cipher, values)
        context = await build_services(settings, parts, self._secrets, self._stack)
        schema = SchemaCheck()
        context.health_checks.update(
            database=lambda: _check_database(database, schema),
            sandbox=lambda: check_sandbox(pool),
            languages=lambda: _check_languages(languages),
        )
        if settings.examples and is_new:
            await _deploy_examples(self._codes)
        languages.try_in(executor)
        return context

    async def _cipher(self, database: Database) -> Cipher:
        """Return the cipher, and say so if a secret has a key that it lacks: after a restore, for example."""
        cipher = Cipher(self._secrets.keys)
        lost, _ = await unreadable(StoredSecrets(database), cipher)
        if lost:
            told = f"warning: the server does not have the key of {lost[0]}: runs that need it are refused"
            self._say(f"{told}; put the old key behind the others, in secret.key or CODEACTIONS_SECRET_KEY")
        return cipher

    async def _start_languages(self, registry: Registry, artifacts: ArtifactStore) -> Languages:
        settings = self._settings
        languages = Languages(
            registry,
            settings.build_launcher(registry, insecure=self._insecure),
            artifacts,
            say=self._say,
            seconds=settings.build_seconds,
        )
        self._stack.push_async_callback(languages.stop)
        await languages.start()
        return languages

    def _make_pool(self, registry: Registry) -> SandboxPool:
        settings = self._settings
        warm = {name: settings.warm for name, runtime in registry.found.items() if runtime.warm}
        config = settings.launcher(registry, insecure=self._insecure)
        return SandboxPool(config, warm=warm, most_warm=settings.warm_most)

    async def _start_sandbox(self, pool: SandboxPool, executor: LocalExecutor) -> None:
        self._stack.push_async_callback(pool.stop)
        try:
            await pool.start()
            if not self._insecure:
                await check_walls(executor)
        except Error as error:
            raise Error(error.code, f"{error.message}; `codeactions doctor` shows what this host is missing") from error
        assert pool.level is not None
        self._say(f"sandbox: {pool.level.name} ({describe_level(pool)})")

    async def _start_database(self) -> str:
        if self._settings.database_url:
            return self._settings.database_url
        self._say(f"starting the embedded PostgreSQL in {self._settings.data_dir}")
        embedded = EmbeddedPostgres(self._settings.data_dir)
        # The callback first: Ctrl-C may arrive during the start, which is in a thread that cannot be interrupted.
        self._stack.push_async_callback(asyncio.to_thread, embedded.stop)
        await asyncio.to_thread(embedded.start)
        watcher = BackgroundTask("embedded PostgreSQL", lambda: _restart_when_dead(embedded))
        self._stack.push_async_callback(watcher.stop)
        watcher.start()
        return embedded.url

    @staticmethod
    def _add_gauges(metrics: Metrics, pool: SandboxPool) -> None:
        metrics.watch("ca_slots", "Slots of this node", lambda: pool.config.slots)
        metrics.watch("ca_slots_busy", "Slots with a run in them", lambda: pool.busy)
        metrics.watch("ca_slots_warm", "Slots with a sandbox that waits for a job", lambda: pool.warm)
        metrics.watch("ca_slots_waiting", "Callers that wait for a slot", lambda: pool.waiting)
        metrics.watch("ca_launcher_restarts", "How often the launcher had to be replaced", lambda: pool.restarts)


async def _restart_when_dead(embedded: EmbeddedPostgres) -> None:
    """Start the embedded database again whenever it has died."""
    while True:
        await asyncio.sleep(_WATCH_INTERVAL)
        try:
            if await asyncio.to_thread(embedded.restart_if_dead):
                _log.warning("database_restarted")
        except Error as error:
            _log.error("database_restart_failed", reason=error.message)


async def _check_database(database: Database, schema: SchemaCheck) -> dict[str, Any]:
    return {"version": await schema(database)}


async def _check_languages(languages: Languages) -> dict[str, Any]:
    """Return the state of each language. A missing language is no failure of the node, so no error is raised."""
    return dict(languages.as_json())


async def check_sandbox(pool: SandboxPool) -> dict[str, Any]:
    """Return what the health page shows of a pool. Raises `Error` (busy) while no run can start."""
    if pool.launcher_pid is None or pool.level is None:
        raise Error(ErrorCode.BUSY, "the sandbox launcher died and is being replaced")
    if pool.failed_zygotes and not pool.ready_zygotes:
        reasons = "; ".join(f"{name}: {why}" for name, why in pool.failed_zygotes.items())
        raise Error(ErrorCode.BUSY, f"no run can start ({reasons})", public="no run can start")
    return {
        "level": pool.level.name,
        "cgroup": pool.level.cgroup,
        "slots": pool.config.slots,
        "busy": pool.busy,
        "warm": pool.warm,
        "waiting": pool.waiting,
        "launcher_restarts": pool.restarts,
        "zygotes": sorted(pool.ready_zygotes),
        "failed_zygotes": pool.failed_zygotes,
    }


async def _deploy_examples(codes: CodeStore) -> None:
    for example in examples():
        language = language_of_ending(example.ending)
        assert language is not None
        draft = CodeDraft(
            name=example.name, type=example.type, source=example.source, language=language, project_uuid=PROJECT
        )
        await codes.create(new_code(draft, id=example.id, now=datetime.now(UTC)))


def describe_level(pool: SandboxPool) -> str:
    """Return the isolation of runs in a few words."""
    level = pool.level
    assert level is not None
    if level.name == "none":
        return "NO ISOLATION: code runs with all the rights of this server"
    parts = [f"cgroup {level.cgroup}" if level.cgroup != "none" else f"rlimits only, since {pool.cgroup_reason}"]
    parts.append("a host uid of its own for each slot" if level.host_uids == "per slot" else "the server's own uid")
    return ", ".join(parts)
