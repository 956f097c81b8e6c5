"""`codeactions run FILE`: the same sandbox as the server's, without a server or a database."""

import asyncio
import contextlib
import re
import sys
from pathlib import Path
from urllib.parse import urlencode

import uvloop

from codeactions.cli.logging import say
from codeactions.cli.settings import command_settings
from codeactions.domain.charsets import decode_body
from codeactions.domain.code import SOURCE_LIMIT
from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.ids import new_id
from codeactions.domain.job import Job
from codeactions.domain.run import Call, Outcome
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.builds import SourceRefused
from codeactions.execution.executor import AnswerCut, EarlyAnswer
from codeactions.execution.languages import Languages
from codeactions.execution.local import LocalExecutor
from codeactions.node.settings import Settings
from codeactions.runtimes.registry import endings, language_of_ending
from codeactions.sandbox.server.pool import SandboxPool

_PREPARING_SECONDS = 600.0
_ENDING_SECONDS = 10.0
_UNDER = "\n" + " " * 8  # the further lines of a log line stand below its first
# What HTTP takes as a method or as the name of a header; no server would pass on anything else.
_WORD = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")


def run_file(file: Path, *, params: list[str], headers: list[str], body: str, method: str, timeout: int) -> int:
    """Run it and print; 0 when it completed, 1 when it failed. Raises `Error` for what cannot be run."""
    settings = command_settings()
    source, language = _read_source(file), language_of_ending(file.suffix)
    if language is None:
        raise invalid(f"{file}: the language is told by the ending, which must be one of {', '.join(endings())}")
    call = _call(params, headers, body, method)
    outcome, is_out = uvloop.run(_run(settings, language, source, call, timeout))
    return _print(outcome, is_out=is_out)


async def _run(settings: Settings, language: str, source: str, call: Call, timeout: int) -> tuple[Outcome, bool]:
    """Run it. Return its outcome, and whether the answer's body is out already. Raises `Error`."""
    settings.languages = language
    registry = settings.registry()
    pool = SandboxPool(settings.launcher(registry, slots=1))
    store = ArtifactStore(settings.data_dir / "artifacts", settings.artifacts_mb * 1024 * 1024)
    config = settings.build_launcher(registry)
    languages = Languages(registry, config, store, say=say)
    try:
        await pool.start()
        languages.hurry()
        await languages.start()
        await languages.prepared(_PREPARING_SECONDS)
        prepared = await languages.builds.prepare(language, source)
        job = Job(
            id=new_id(),
            language=language,
            source=prepared.source,
            artifact=prepared.artifact,
            call=call,
            timeout=timeout,
            timezone=settings.known_timezone(),
            output=settings.output_limits(),
        )
        execution = await LocalExecutor(pool, registry, store).start(job)
        early = await execution.early_answer()
        if early is not None:
            await _print_as_it_comes(early)
        outcome = await execution.outcome()
        outcome.memory_peak = (await asyncio.wait_for(execution.usage(), _ENDING_SECONDS)).memory_peak
        return outcome, early is not None
    except SourceRefused as refused:
        return Outcome(error=refused.error), False
    finally:
        await languages.stop()
        await pool.stop()


def _call(params: list[str], headers: list[str], body: str, method: str) -> Call:
    """Return the call that the options say, as a server would make it of a request. Raises `Error` (invalid)."""
    if not _WORD.fullmatch(method):
        raise invalid(f"--method {method!r}: write it as GET")
    query = [_split(param, "=", "--param", "name=value") for param in params]
    request_headers = tuple(_header(header) for header in headers)
    content = _read_body(body)
    content_type = next((value for name, value in request_headers if name.lower() == "content-type"), "")
    text, charset = decode_body(content, content_type) if content else (None, None)
    return Call(
        method=method.upper(),
        params=tuple(query),
        headers=request_headers,
        body=content,
        raw_query=urlencode(query, errors="replace"),
        text=text,
        charset=charset,
    )


def _read_source(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise invalid(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > SOURCE_LIMIT:
        raise Error(ErrorCode.TOO_LARGE, f"{file} has {len(content)} bytes; a source may have {SOURCE_LIMIT}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid(f"{file} is not UTF-8: byte {error.start}") from None


def _read_body(body: str) -> bytes:
    try:
        if body == "-":
            return sys.stdin.buffer.read()
        if body.startswith("@"):
            return Path(body[1:]).read_bytes()
    except OSError as error:
        raise invalid(f"--body: {body[1:] or 'standard input'} cannot be read: {error.strerror}") from None
    return body.encode("utf-8", "surrogateescape")


def _header(text: str) -> tuple[str, str]:
    """Return name and value. A message has the name alone: the value may be a secret."""
    form = "'Name: value'"
    name, value = _split(text, ":", "--header", form)
    if not _WORD.fullmatch(name):
        raise invalid(f"--header {name!r}: write it as {form}")
    if "\n" in value or "\r" in value:
        raise invalid(f"--header {name!r}: the value must be one line")
    return name, value


def _split(text: str, separator: str, option: str, form: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        raise invalid(f"{option} {name!r}: write it as {form}")
    return (name, value) if separator == "=" else (name.strip(), value.strip())


async def _print_as_it_comes(early: EarlyAnswer) -> None:
    with contextlib.suppress(AnswerCut):  # the outcome tells the reason
        async for piece in early.chunks():
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()


def _print(outcome: Outcome, *, is_out: bool = False) -> int:
    """Print an outcome; without the answer's body if that is out."""
    for line in outcome.logs:
        print(f"{line.level:7} {line.content}".replace("\n", _UNDER), file=sys.stderr)
    if outcome.logs_dropped:
        print(f"… {outcome.logs_dropped} further log lines were dropped", file=sys.stderr)
    memory = f", {outcome.memory_peak / 1048576:.1f} MB" if outcome.memory_peak else ""
    timing = f"{outcome.duration_ms:.1f} ms{memory}"
    if outcome.error is not None:
        print(outcome.error.traceback or "", end="", file=sys.stderr)
        print(f"failed: {outcome.error.type}: {outcome.error.message} ({timing})", file=sys.stderr)
        return 1
    assert outcome.answer is not None
    if not is_out:
        sys.stdout.buffer.write(outcome.answer.body)
    sys.stdout.flush()
    if sys.stdout.isatty() and not outcome.answer.body.endswith(b"\n"):
        print()
    print(f"completed: {outcome.answer.status_code} {outcome.answer.content_type} ({timing})", file=sys.stderr)
    return 0
