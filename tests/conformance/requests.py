"""Codes that tell of their call, and calls that no client library would make."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

from conformance.languages import Language, run

ECHO = run(
    python="""
        return {
            "params": dict(engine.params.items()),
            "headers": dict(engine.header.items()),
            "body": engine.body,
            "method": engine.request.method,
            "path": engine.request.path,
            "raw_path": engine.request.raw_path,
            "raw_query": engine.request.raw_query,
        }
    """,
    javascript="""
        return {
            params: Object.fromEntries(engine.params.items()),
            headers: engine.header,  // both can be JSON as they are
            body: engine.body,
            method: engine.request.method,
            path: engine.request.path,
            raw_path: engine.request.rawPath,
            raw_query: engine.request.rawQuery,
        };
    """,
    go="""
        params, headers := map[string]string{}, map[string]string{}
        for _, pair := range engine.Params.Items() {
            params[pair[0]] = pair[1]
        }
        for _, pair := range engine.Header.Items() {
            headers[pair[0]] = pair[1]
        }
        return map[string]any{
            "params": params, "headers": headers, "body": engine.Body,
            "method": engine.Request.Method, "path": engine.Request.Path,
            "raw_path": engine.Request.RawPath, "raw_query": engine.Request.RawQuery,
        }, nil
    """,
)


def raw_call(language: Language, sources: dict[str, str], target: bytes, headers: bytes = b"") -> tuple[int, Any]:
    """Send a request as it is; returns the answer's status and its JSON."""
    address = urlsplit(language.server.base)
    code_id = language.deploy(sources).encode()
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(
            b"GET /endpoint/%s%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n" % (code_id, target, headers)
        )
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    head, _, content = b"".join(parts).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)
