"""The work of `codeactions secret` and `variable`. A value comes from standard input, never from the words."""

import getpass
import sys
from typing import Any
from uuid import UUID

from codeactions.cli.keys import command_cipher
from codeactions.cli.logging import say
from codeactions.cli.manage import all_pages, run_as_administrator
from codeactions.domain.caller import Caller
from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.project_value import VALUE_LIMIT, ProjectValue, ValueDraft, ValueKind
from codeactions.domain.secret_forms import LEAST_BYTES
from codeactions.node.secret_keys import KeyFile
from codeactions.node.settings import Settings
from codeactions.runtimes.environment import is_environment_name
from codeactions.services.audited import AuditedDatabase
from codeactions.services.key_rotation import Rotated, rotate
from codeactions.services.project_values import ProjectValueService


def set_value(
    settings: Settings, kind: ValueKind, name: str, project: str, codes: tuple[UUID, ...] | None, *, every_code: bool
) -> None:
    """Read a value and store it, in place of any of the same name. Raises `Error`.

    codes: the codes that get it. every_code: whether every code of the project gets it from now on. Without either, a
    value that is replaced keeps its codes.
    """
    if codes and every_code:
        raise invalid("give --code or --every-code, not both")
    draft = ValueDraft(project_uuid=project, name=name, value=_read(kind, name), code_ids=codes)

    async def put(audited: AuditedDatabase, caller: Caller) -> tuple[ProjectValue, bool]:
        cipher = None
        if kind is ValueKind.SECRET:
            cipher, _ = await command_cipher(settings, audited.database)
        narrow = codes is not None or every_code
        return await ProjectValueService(kind, audited, cipher).put(caller, draft, narrow=narrow)

    value, is_new = run_as_administrator(settings, put)
    print(f"{'created' if is_new else 'replaced'} {kind} {name} of project {project}")
    if kind is ValueKind.SECRET and not value.is_masked:
        say(f"warning: it is under {LEAST_BYTES} bytes, so it is not masked in the record of runs")
    if not is_environment_name(name):
        say("this name is no environment variable: codes find it in the engine alone")


def list_values(settings: Settings, kind: ValueKind, project: str) -> list[dict[str, Any]]:
    """Return the values of a project as rows; those of secrets without the value. Raises `Error`."""
    found = run_as_administrator(
        settings,
        lambda audited, caller: all_pages(
            lambda page: ProjectValueService(kind, audited, None).page(caller, project, page)
        ),
    )
    return [_row(value) for value in found]


def delete_value(settings: Settings, kind: ValueKind, name: str, project: str) -> None:
    """Delete a value by its name. Raises `Error`."""

    async def delete(audited: AuditedDatabase, caller: Caller) -> None:
        service = ProjectValueService(kind, audited, None)
        await service.delete(caller, (await service.find(caller, project, name)).id)

    run_as_administrator(settings, delete)
    print(f"deleted {kind} {name} of project {project}")


def rotate_key(settings: Settings) -> None:
    """Make a new key and encrypt all secrets anew. Raises `Error`, also if a secret cannot be read."""

    async def work(audited: AuditedDatabase, _caller: Caller) -> Rotated:
        cipher, keys = await command_cipher(settings, audited.database)
        add_key = keys.add if isinstance(keys, KeyFile) else None
        async with audited.database.connection() as connection:
            return await rotate(connection, cipher, add_key=add_key, say=say, progress=_show)

    rotated = run_as_administrator(settings, work)
    say(f"{rotated.done} secrets are encrypted with the newest key")
    if rotated.unreadable:
        shown = ", ".join(rotated.unreadable[:20])
        raise Error(
            ErrorCode.CONFLICT,
            f"{len(rotated.unreadable)} secrets cannot be read with any key, and stay as they are: {shown}",
        )
    if settings.secret_key is not None:
        say("keep the old keys of CODEACTIONS_SECRET_KEY behind the new one as long as older backups need them")
    else:
        say("the old keys stay in secret.key, since older backups need them; keep a copy of the file as it is now")


def _show(done: int, total: int) -> None:
    say(f"encrypted anew: {done} of {total}")


def _read(kind: ValueKind, name: str) -> str:
    """Return the value from standard input, without the line feed at its end. Raises `Error` (invalid)."""
    if sys.stdin is None:
        raise invalid("standard input is closed: send the value there")
    if sys.stdin.isatty():
        try:
            if kind is ValueKind.SECRET:
                return getpass.getpass(f"Value of {name}: ")
            print(f"Value of {name}: ", end="", file=sys.stderr, flush=True)
            return sys.stdin.readline().removesuffix("\n")
        except EOFError:
            return ""
    content = sys.stdin.buffer.read(VALUE_LIMIT + 2).removesuffix(b"\n")
    if len(content) > VALUE_LIMIT:
        raise Error(ErrorCode.TOO_LARGE, f"the value must have at most {VALUE_LIMIT} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        told = f"the value must be UTF-8; byte {error.start} is not. Encode it, for example with base64"
        raise invalid(told) from None


def _row(value: ProjectValue) -> dict[str, Any]:
    shown = {"value": value.plain} if value.kind is ValueKind.VARIABLE else {"masked": value.is_masked}
    return {
        "name": value.name,
        **shown,
        "codes": "every" if value.code_ids is None else [str(one) for one in value.code_ids],
        "in_environment": is_environment_name(value.name),
        "updated_at": value.updated_at,
    }
