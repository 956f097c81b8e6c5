"""What stands above the functions of a Go source and says nothing about the case: package and imports."""

import re

_ENGINE = "codeactions"
# By the name that a package has in a source.
_IMPORTS = {
    path.rpartition("/")[2]: path
    for path in (
        "bytes",
        "context",
        "crypto/hmac",
        "crypto/sha256",
        "encoding/base64",
        "encoding/csv",
        "encoding/hex",
        "encoding/json",
        "encoding/xml",
        "errors",
        "fmt",
        "io",
        "log",
        "log/slog",
        "maps",
        "math",
        "math/big",
        "compress/gzip",
        "net/http",
        "net",
        "net/url",
        "os",
        "os/exec",
        "path/filepath",
        "regexp",
        "runtime",
        "slices",
        "sort",
        "strconv",
        "strings",
        "sync",
        "sync/atomic",
        "syscall",
        "text/template",
        "time",
        "html",
        "unicode/utf8",
        "unsafe",
        "net/http/httptest",
        "codeactions/web",
        "io/fs",
        "mime/multipart",
    )
} | {"rand": "crypto/rand", "chance": "math/rand/v2"}
_USE = re.compile(r"(?<![\w.\"])([a-z]\w*)\.[A-Z]")


def completed(source: str) -> str:
    """The source with its package and its imports, all in the first line, if it does not bring them itself."""
    if source.lstrip().startswith("package "):
        return source
    used = {_ENGINE, *(name for name in _USE.findall(source) if name in _IMPORTS)}
    imports = "; ".join(f'{name} "{_IMPORTS.get(name, name)}"' for name in sorted(used))
    return f"package action; import ({imports})\n{source}"
