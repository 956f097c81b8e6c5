"""Forms: the body of a request as fields and files, for Python codes.

The parser of multipart bodies is a library, which is at `FORM_LIBRARY` in runs. Only a run that reads such a form
imports it.
"""

from __future__ import annotations

import re
import sys

from codeactions.domain.charsets import codec_of
from codeactions.runtimes.python.params import Params

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

FORM_LIBRARY = "/runtimes/python/python_multipart"
"""The folder of the library, inside the walls."""
FORM_MODULES = ("__init__", "decoders", "exceptions", "multipart")
_library_at = FORM_LIBRARY
_MOST_HEADERS, _HEADER_BYTES = 100, 16 * 1024  # of a part, and of one of them
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class File:
    """A file of a form.

    name: as the sender calls it. type: its content type, "" if none is told. bytes: what it holds. Other frameworks
    call them filename, content_type and content: these are there, too.
    """

    def __init__(self, name: str, type: str, bytes: bytes) -> None:  # noqa: A002
        self.name = self.filename = name
        self.type = self.content_type = type
        self.bytes = self.content = bytes

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.bytes)

    def read(self) -> bytes:
        """Return what the file holds."""
        return self.bytes

    def text(self) -> str:
        """Return what the file holds as text; bytes that are not UTF-8 become U+FFFD."""
        return self.bytes.decode("utf-8", "replace")

    def __bytes__(self) -> bytes:
        return self.bytes

    def __repr__(self) -> str:
        return f"<File {self.name!r}, {self.type or 'no type'}, {self.size} bytes>"


class Form(Params):
    """The fields of a form, in order: texts, and a `File` for each file. They are read as parameters are."""


def keep_places(places: dict[str, str]) -> None:
    """Take where the library is, if it is not at its place. places: as a zygote gets them."""
    global _library_at
    for place, path in places.items():
        if place.startswith(f"{FORM_LIBRARY}/__init__."):
            _library_at = path.partition("/__init__.")[0].removesuffix("/__pycache__")


def read_form(content: bytes, content_type: str) -> Form:
    """Read a body by its content type. An empty body without one is an empty form. Raises `ValueError`."""
    kind, parameters = _header(content_type)
    if kind == _URLENCODED:
        return Form(_urlencoded(content, parameters.get("charset", "")))
    if kind == _MULTIPART:
        return Form(_multipart(content, parameters.get("boundary", "")))
    if not content and not kind:
        return Form([])
    what = f"its Content-Type is {kind}" if kind else "it has no Content-Type"
    raise ValueError(f"the body is no form: {what}, not {_URLENCODED} or {_MULTIPART}")


def _urlencoded(content: bytes, charset: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    codec = _codec(charset)
    return parse_qsl(content.decode(codec, "replace"), keep_blank_values=True, encoding=codec, errors="replace")


def _multipart(content: bytes, boundary: str) -> Iterator[tuple[str, Any]]:
    if not boundary:
        raise ValueError("the form has no boundary in its Content-Type, so its parts cannot be told apart")
    for headers, part in _parts(content, boundary.encode()):
        _, disposition = _header(headers.get("content-disposition", ""))
        name = disposition.get("name")
        if name is None:
            raise ValueError("a part of the form has no name")
        kind = headers.get("content-type", "")
        file_name = disposition.get("filename")
        if file_name is None:
            yield name, part.decode(_codec(_header(kind)[1].get("charset", "")), "replace")
        elif file_name or part:  # a browser sends a file without name and bytes where none was chosen
            yield name, File(_last_of(file_name), kind, part)


def _parts(content: bytes, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Cut a multipart body into its parts: their headers, with names in small letters, and their bytes."""
    parser, state = _library()
    parts: list[tuple[dict[str, str], bytearray]] = []
    header: list[bytearray] = [bytearray(), bytearray()]

    def header_end() -> None:
        name, value = (bytes(one).strip() for one in header)
        parts[-1][0][name.decode("latin-1").lower()] = _text(value)
        header[:] = bytearray(), bytearray()

    machine = parser.MultipartParser(
        boundary,
        {
            "on_part_begin": lambda: parts.append(({}, bytearray())),
            "on_header_field": lambda data, start, end: header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: header[1].extend(data[start:end]),
            "on_header_end": header_end,
            "on_part_data": lambda data, start, end: parts[-1][1].extend(data[start:end]),
        },
        max_header_count=_MOST_HEADERS,
        max_header_size=_HEADER_BYTES,
    )
    machine.logger.disabled = True  # what is wrong is told by an exception
    begin = re.search(rb"(?:\A|\r\n)--" + re.escape(boundary), content)
    if begin is None:
        raise ValueError(f"the form has no part: its boundary --{_text(boundary)} is not in it")
    try:
        machine.write(content[begin.start() :].removeprefix(b"\r\n"))
    except ValueError as error:  # the library's own errors are such
        raise ValueError(f"the form cannot be read: {error}") from None
    if machine.state != state:
        raise ValueError("the form ends early: its last boundary is missing")
    return [(headers, bytes(part)) for headers, part in parts]


def _library() -> tuple[Any, Any]:
    """Return the library's module, and the state of its parser at the end of a form."""
    folder = _library_at.rpartition("/")[0]
    sys.path.insert(0, folder)
    try:
        from python_multipart import multipart
    finally:
        sys.path.remove(folder)
    return multipart, multipart.MultipartState.END


def _header(text: str) -> tuple[str, dict[str, str]]:
    """Return the first word of a header, in small letters, and its parameters."""
    kind, _, rest = text.partition(";")
    plain: dict[str, str] = {}
    extended: dict[str, str] = {}
    for key, value in _PARAMETER.findall(f";{rest}"):
        name = key.lower()
        if name.endswith("*"):
            extended[name[:-1]] = _extended(value)
        else:
            plain[name] = _unquoted(value)
    return kind.strip().lower(), plain | extended


def _last_of(path: str) -> str:
    """Return a file's name without the folders that some clients send with it."""
    return path.rpartition("\\")[2] if path[1:3] == ":\\" or path[:2] == "\\\\" else path


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        # Browsers write a quote as %22, others with a backslash, and a backslash alone is one of a Windows path.
        value = re.sub(r'\\(["\\])', r"\1", value[1:-1]).replace("%22", '"')
    return value


def _extended(value: str) -> str:
    """Decode a value such as `UTF-8''gr%C3%BC%C3%9Fe.txt`."""
    from urllib.parse import unquote

    charset, _, rest = _unquoted(value).partition("'")
    return unquote(rest.partition("'")[2], _codec(charset), "replace")


def _codec(charset: str) -> str:
    """Return the codec of a charset; UTF-8 if it is not known."""
    return codec_of(charset) or "utf-8"


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
