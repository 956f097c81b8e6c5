"""A function that tries to reach the network is told that runs have none."""

import pytest
from conformance.languages import Language, run

NOTE = "runs have no network"


def fetching(address: str) -> dict[str, str]:
    """Codes that fail with the error of a call."""
    return run(
        python=f"import urllib.request\nurllib.request.urlopen('{address}')",
        javascript=f"await fetch('{address}');",
        go=f"_, err := http.Get(`{address}`)\nreturn nil, err",
    )


def connecting(host: str, port: int, error: str = "err") -> dict[str, str]:
    """Codes that fail with the error of a connection; in Go with `error`, which is made of `err`."""
    return run(
        python=f"import socket\nsocket.create_connection(('{host}', {port}))",
        javascript=f"""
            const socket = require("node:net").connect({port}, "{host}");
            await new Promise((resolve, reject) => socket.on("error", reject).on("connect", resolve));
            """,
        go=f"_, err := net.Dial(`tcp`, `{host}:{port}`)\nreturn nil, {error}",
    )


ENDS = {
    "a call by name": fetching("https://example.com"),
    "a call by address": fetching("http://192.0.2.1/"),
    "a connection by name": connecting("example.com", 80, "fmt.Errorf(`no mail: %w`, err)"),
    "a connection by address": connecting("192.0.2.1", 80, "errors.Join(errors.New(`x`), err)"),
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
    "a closed port": fetching("http://127.0.0.1:9/"),
    "a closed port by name": connecting("localhost", 9),
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
