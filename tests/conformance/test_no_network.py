"""A function that tries to reach the network is told that runs have none."""

import pytest
from conformance.languages import Language, run

NOTE = "runs have no network"
ENDS = {
    "a call by name": run(
        python="import urllib.request\nurllib.request.urlopen('https://example.com')",
        javascript="await fetch('https://example.com');",
        go="_, err := http.Get(`https://example.com`)\nreturn nil, err",
    ),
    "a call by address": run(
        python="import urllib.request\nurllib.request.urlopen('http://192.0.2.1/')",
        javascript="await fetch('http://192.0.2.1/');",
        go="_, err := http.Get(`http://192.0.2.1/`)\nreturn nil, err",
    ),
    "a connection by name": run(
        python="import socket\nsocket.create_connection(('example.com', 80))",
        javascript="""
            const socket = require("node:net").connect(80, "example.com");
            await new Promise((resolve, reject) => socket.on("error", reject).on("connect", resolve));
            """,
        go="_, err := net.Dial(`tcp`, `example.com:80`)\nreturn nil, fmt.Errorf(`no mail: %w`, err)",
    ),
    "a connection by address": run(
        python="import socket\nsocket.create_connection(('192.0.2.1', 80))",
        javascript="""
            const socket = require("node:net").connect(80, "192.0.2.1");
            await new Promise((resolve, reject) => socket.on("error", reject).on("connect", resolve));
            """,
        go="_, err := net.Dial(`tcp`, `192.0.2.1:80`)\nreturn nil, errors.Join(errors.New(`x`), err)",
    ),
    "a look-up": run(
        python="import socket\nsocket.gethostbyname('example.com')",
        javascript='await require("node:dns/promises").lookup("example.com");',
        go="_, err := net.LookupHost(`example.com`)\npanic(err)",
    ),
    "a datagram": run(
        python="import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        javascript="""
            const socket = require("node:dgram").createSocket("udp4");
            await new Promise((resolve, reject) => socket.send("x", 53, "192.0.2.1", (e) => e ? reject(e) : resolve()));
            """,
        go="_, err := net.Dial(`udp`, `192.0.2.1:53`)\nreturn nil, err",
    ),
    "a socket of the web": run(
        python="import http.client\nhttp.client.HTTPConnection('192.0.2.1').request('GET', '/')",
        javascript="""
            const socket = new WebSocket("wss://192.0.2.1/x");
            await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
            """,
        go="_, err := http.Head(`https://192.0.2.1`)\nreturn nil, err",
    ),
    "the text of an error": run(
        python="import urllib.request\ntry: urllib.request.urlopen('http://192.0.2.1/')\n"
        "except OSError as error: raise RuntimeError(str(error))",
        javascript="""
            const socket = new WebSocket("ws://example.com/x");
            await new Promise((resolve, reject) => { socket.onerror = (event) => reject(new Error(event.message)); });
            """,
        go="_, err := http.Get(`https://192.0.2.1`)\npanic(err.Error())",
    ),
    "the text of a failed look-up": run(
        python="import socket\ntry: socket.gethostbyname('example.com')\nexcept OSError as error: raise ValueError(f'{error}')",
        javascript='await fetch("https://example.com").catch((error) => { throw new Error(error.message); });',
        go="_, err := http.Get(`https://example.com`)\nreturn nil, fmt.Errorf(`no answer: %v`, err)",
    ),
    "a client of its own loop": run(
        python="import asyncio\nasyncio.run(asyncio.open_connection('example.com', 80))",
        javascript='await Promise.all([fetch("https://example.com")]);',
        go="_, err := (&http.Client{}).Post(`https://example.com`, `text/plain`, nil)\nreturn nil, err",
    ),
}


@pytest.mark.parametrize("way", ENDS)
def test_an_error_of_the_network_says_that_there_is_none(language: Language, way: str) -> None:
    error = language.failure(language.call(ENDS[way]))
    assert error["type"] == "exception"
    assert error["message"].count(NOTE) == 1, error


CAUGHT = run(
    python="""
        import socket, urllib.error, urllib.request
        found = []
        for address in ("https://example.com", "http://192.0.2.1/"):
            try:
                urllib.request.urlopen(address)
            except urllib.error.URLError as error:
                found.append(f"{type(error.reason).__name__} {error.reason.errno} {error}")
        return found
        """,
    javascript="""
        const found = [];
        for (const address of ["https://example.com", "http://192.0.2.1/"]) {
          try { await fetch(address); } catch (error) { found.push(`${error.constructor.name} ${error.code} ${error}`); }
        }
        return found;
        """,
)


@pytest.mark.parametrize("language", ["python", "javascript"], indirect=True)
def test_one_that_is_caught_says_so_too_and_has_the_type_that_it_has_everywhere(language: Language) -> None:
    found = language.call(CAUGHT).json()
    begins = {
        "python": ["gaierror -3 <urlopen error [Errno -3] Temp", "OSError 101 <urlopen error [Errno 101] Network is"],
        "javascript": ["TypeError EAI_AGAIN TypeError: getaddrinfo", "TypeError ENETUNREACH TypeError: ENETUNREACH"],
    }[language.name]
    assert [text.startswith(begin) for text, begin in zip(found, begins, strict=True)] == [True, True], found
    assert [text.count(NOTE) for text in found] == [1, 1]


LOOPBACK = {
    "a closed port": run(
        python="import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/')",
        javascript="await fetch('http://127.0.0.1:9/');",
        go="_, err := http.Get(`http://127.0.0.1:9/`)\nreturn nil, err",
    ),
    "a closed port by name": run(
        python="import socket\nsocket.create_connection(('localhost', 9))",
        javascript="""
            const socket = require("node:net").connect(9, "localhost");
            await new Promise((resolve, reject) => socket.on("error", reject).on("connect", resolve));
            """,
        go="_, err := net.Dial(`tcp`, `localhost:9`)\nreturn nil, err",
    ),
    "an error of the code's own": run(
        python="raise OSError(2, 'nothing there')",
        javascript="throw Object.assign(new Error('nothing there'), { code: 'ENOENT' });",
        go="return nil, errors.New(`nothing there`)",
    ),
}


@pytest.mark.parametrize("way", LOOPBACK)
def test_other_errors_say_nothing_of_it(language: Language, way: str) -> None:
    error = language.failure(language.call(LOOPBACK[way]))
    assert NOTE not in error["message"] + error["traceback"]
