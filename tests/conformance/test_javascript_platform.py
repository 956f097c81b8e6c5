"""What JavaScript codes find: the classes of the web, timers, Node's modules, and console."""

import pytest
from conformance.languages import Language, run

# By name: what stands in an async `Run` and must return "x".
USES = {
    "URL": "const u = new URL('/p?q=x#h', 'https://example.com'); return u.searchParams.get('q');",
    "URLSearchParams": "return new URLSearchParams('a=1&b=x').get('b');",
    "Headers": "return new Headers({'X-Thing': 'x'}).get('x-thing');",
    "Request": "return (await new Request('https://example.com', {method: 'POST', body: 'x'}).text());",
    "Response": "return (await Response.json({a: 'x'}).json()).a;",
    "FormData": """
        const form = new FormData();
        form.set("file", new File(["x"], "name.txt", {type: "text/plain"}));
        const again = await new Response(form).formData();
        return await again.get("file").text();
    """,
    "a form sent to the code": """
        const request = new Request("http://x", {method: "POST", body: "a=x", headers: {
            "Content-Type": "application/x-www-form-urlencoded"}});
        return (await request.formData()).get("a");
    """,
    "Blob": "return await new Blob(['x']).text();",
    "streams": """
        const doubled = new TransformStream({transform(chunk, out) { out.enqueue(chunk); }});
        return await new Response(new Blob(["x"]).stream().pipeThrough(doubled)).text();
    """,
    "CompressionStream": """
        const packed = new Blob(["x"]).stream().pipeThrough(new CompressionStream("gzip"));
        return await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
    """,
    "TextEncoder": "return new TextDecoder().decode(new TextEncoder().encode('x'));",
    "base64": "return atob(btoa('x'));",
    "structuredClone": "return structuredClone(new Map([['a', ['x']]])).get('a')[0];",
    "randomUUID": "return /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/.test(crypto.randomUUID()) ? 'x' : 'y';",
    "digest": """
        const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc"));
        return Buffer.from(digest).toString("hex").startsWith("ba7816bf") ? "x" : "y";
    """,
    "HMAC": """
        const key = await crypto.subtle.importKey("raw", new Uint8Array(32), {name: "HMAC", hash: "SHA-256"}, false, ["sign"]);
        return (await crypto.subtle.sign("HMAC", key, new Uint8Array(1))).byteLength === 32 ? "x" : "y";
    """,
    "AES": """
        const key = await crypto.subtle.generateKey({name: "AES-GCM", length: 256}, false, ["encrypt", "decrypt"]);
        const how = {name: "AES-GCM", iv: crypto.getRandomValues(new Uint8Array(12))};
        const hidden = await crypto.subtle.encrypt(how, key, new TextEncoder().encode("x"));
        return new TextDecoder().decode(await crypto.subtle.decrypt(how, key, hidden));
    """,
    "Ed25519": """
        const {privateKey, publicKey} = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
        const signed = await crypto.subtle.sign("Ed25519", privateKey, new Uint8Array(1));
        return await crypto.subtle.verify("Ed25519", publicKey, signed, new Uint8Array(1)) ? "x" : "y";
    """,
    "setTimeout": "return await new Promise((done) => setTimeout(done, 10, 'x'));",
    "clearTimeout": "clearTimeout(setTimeout(() => { throw new Error(); }, 1)); await Bun.sleep(20); return 'x';",
    "setInterval": """
        let ticks = 0;
        return await new Promise((done) => {
            const timer = setInterval(() => { if (++ticks === 3) { clearInterval(timer); done("x"); } }, 2);
        });
    """,
    "setImmediate": "return await new Promise((done) => setImmediate(done, 'x'));",
    "queueMicrotask": "return await new Promise((done) => queueMicrotask(() => done('x')));",
    "process.nextTick": "return await new Promise((done) => process.nextTick(done, 'x'));",
    "AbortController": "const a = new AbortController(); a.abort('x'); return a.signal.reason;",
    "AbortSignal.timeout": "return await new Promise((d) => AbortSignal.timeout(5).addEventListener('abort', () => d('x')));",
    "EventTarget": """
        const target = new EventTarget();
        let seen = "y";
        target.addEventListener("a", (event) => { seen = event.detail; });
        target.dispatchEvent(new CustomEvent("a", {detail: "x"}));
        return seen;
    """,
    "Intl": "return new Intl.NumberFormat('de').format(1234.5) === '1.234,5' ? 'x' : 'y';",
    "performance": "return performance.now() > 0 ? 'x' : 'y';",
    "WeakRef": "return new WeakRef({a: 'x'}).deref().a;",
    "Atomics": "return Atomics.add(new Int32Array(new SharedArrayBuffer(4)), 0, 1) === 0 ? 'x' : 'y';",
    "WebAssembly": "return WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) ? 'x' : 'y';",
    "Buffer": "return Buffer.from('78', 'hex').toString();",
    "node:fs": "const fs = require('node:fs'); fs.writeFileSync('/tmp/a', 'x'); return fs.readFileSync('/tmp/a', 'utf8');",
    "node:fs/promises": "const fs = await import('node:fs/promises'); await fs.writeFile('a', 'x'); return fs.readFile('a', 'utf8');",
    "node:path": "return require('node:path').join('/a', '..', 'x').slice(1);",
    "node:crypto": "return require('node:crypto').createHash('sha256').update('abc').digest('hex')[0] === 'b' ? 'x' : 'y';",
    "node:zlib": "const z = require('node:zlib'); return z.gunzipSync(z.gzipSync('x')).toString();",
    "node:util": "return require('node:util').format('%s', 'x');",
    "node:events": "const e = new (require('node:events'))(); let s; e.on('a', (v) => { s = v; }); e.emit('a', 'x'); return s;",
    "node:stream": "let s = ''; for await (const c of require('node:stream').Readable.from(['x'])) s += c; return s;",
    "node:assert": "require('node:assert').deepStrictEqual({a: 1}, {a: 1}); return 'x';",
    "node:os": "return require('node:os').platform() === 'linux' ? 'x' : 'y';",
    "node:url": "return require('node:url').parse('http://h/x').pathname.slice(1);",
    "node:querystring": "return require('node:querystring').parse('a=x').a;",
    "node:async_hooks": """
        const {AsyncLocalStorage} = require("node:async_hooks");
        const storage = new AsyncLocalStorage();
        return await storage.run("x", async () => { await null; return storage.getStore(); });
    """,
    "node:child_process": "return require('node:child_process').execFileSync('/bin/echo', ['-n', 'x']).toString();",
    "node:timers/promises": "return await require('node:timers/promises').setTimeout(5, 'x');",
    "node:vm": "return require('node:vm').runInNewContext('a', {a: 'x'});",
    "node:worker_threads": """
        const {Worker} = require("node:worker_threads");
        const worker = new Worker("require('node:worker_threads').parentPort.postMessage('x')", {eval: true});
        return await new Promise((done, failed) => worker.on("message", done).on("error", failed));
    """,
    "node:http on loopback": """
        const http = require("node:http");
        const server = http.createServer((_, answer) => answer.end("x"));
        await new Promise((done) => server.listen(0, "127.0.0.1", done));
        return await (await fetch(`http://127.0.0.1:${server.address().port}`)).text();
    """,
    "bun:sqlite": "const {Database} = require('bun:sqlite'); return new Database(':memory:').query(\"select 'x' as a\").get().a;",
    "bare names of Node's modules": "return require('path').basename('/a/x');",
    "JSON modules of data": 'return JSON.parse(\'{"a": "x"}\').a;',
    "regular expressions": "return 'ax'.match(/(?<=a)(?<found>\\p{L})/u).groups.found;",
    "generators": "return [...(function* () { yield 'x'; })()][0];",
    "eval": "return (0, eval)('\"x\"') + new Function('return \"\"')();",
}


@pytest.mark.parametrize("name", USES)
def test_the_platform_just_works(javascript: Language, name: str) -> None:
    answer = javascript.call(run(javascript=USES[name]))
    assert answer.text == "x", javascript.record(answer)["extra"].get("error")


def test_there_is_no_network(javascript: Language) -> None:
    sources = run(javascript="await fetch('http://192.0.2.1/', {signal: AbortSignal.timeout(3000)});")
    assert javascript.failure(javascript.call(sources))["type"] == "exception"


# What `console` is called with, and the lines it makes.
CONSOLE: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "log": ("console.log('a', 1, null)", [("info", "a 1 null")]),
    "info": ("console.info('a')", [("info", "a")]),
    "debug": ("console.debug('a')", [("debug", "a")]),
    "warn": ("console.warn('a')", [("warning", "a")]),
    "error": ("console.error('a')", [("error", "a")]),
    "nothing": ("console.log()", [("info", "")]),
    "formats": ("console.log('%s is %d%%', 'a', 5, 'b')", [("info", "a is 5% b")]),
    "objects": ("console.log({a: [1, {b: 2}]})", [("info", "{ a: [ 1, { b: 2 } ] }")]),
    "lines": ("console.error('a\\nb')", [("error", "a\nb")]),
    "trace": (
        "(function f() { console.trace('a %d', 1) })()",
        [("error", "Trace: a 1\n    at f (action.js:2:29)\n    at Run (action.js:2:44)")],
    ),
    "dirxml": ("console.dirxml({a: 1})", [("info", "{ a: 1 }")]),
    "write": ("console.write('a'); console.write('b\\n', 'c')", [("info", "ab"), ("info", "c")]),
    "an object of many lines": (
        "console.info({a: 'x'.repeat(50), b: 'y'.repeat(50)})",
        [("info", f"{{\n  a: '{'x' * 50}',\n  b: '{'y' * 50}'\n}}")],
    ),
    "a warning of the process": ("process.emitWarning('a', 'Own'); await Bun.sleep(1)", [("warning", "Own: a")]),
    "the module": (
        "require('node:console').warn('a'); (await import('node:console')).log('b\\nc')",
        [("warning", "a"), ("info", "b\nc")],
    ),
    "dir": ("console.dir({a: 1})", [("info", "{ a: 1 }")]),
    "assert": ("console.assert(true, 'a'); console.assert(false, 'b')", [("error", "Assertion failed: b")]),
    "count": (
        "console.count(); console.count('a'); console.count(); console.countReset(); console.count()",
        [("info", "default: 1"), ("info", "a: 1"), ("info", "default: 2"), ("info", "default: 1")],
    ),
    "group": (
        "console.group('a'); console.log('b\\nc'); console.groupEnd(); console.log('d')",
        [("info", "a"), ("info", "  b\n  c"), ("info", "d")],
    ),
    "stdout": ("process.stdout.write('a'); process.stdout.write('b\\nc\\n')", [("info", "ab"), ("info", "c")]),
    "stderr": ("process.stderr.write('a\\n')", [("error", "a")]),
    "bytes": ("process.stdout.write(new Uint8Array([97, 10]))", [("info", "a")]),
    "half a character": (
        "process.stdout.write(Buffer.from([0xc3])); process.stdout.write(Buffer.from([0xbc, 10]))",
        [("info", "ü")],
    ),
    "a stream": (
        "const from = require('node:stream').Readable.from(['a\\n', 'b']); from.pipe(process.stdout);"
        "await new Promise((done) => from.on('end', done))",
        [("info", "a"), ("info", "b")],
    ),
}


@pytest.mark.parametrize("name", CONSOLE)
def test_console_writes_to_the_log_by_its_levels(javascript: Language, name: str) -> None:
    call, expected = CONSOLE[name]
    assert javascript.lines(run(javascript=call + ";")) == expected


def test_console_timers_and_tables_keep_their_place(javascript: Language) -> None:
    body = (
        "console.time('a'); console.log(1); console.timeLog('a', 'b'); console.timeEnd('a'); console.table([{c: 2}]);"
    )
    logs = javascript.lines(run(javascript=body + "console.log('end');"))
    assert {level for level, _ in logs} == {"info"}
    contents = [content for _, content in logs]
    assert contents[0] == "1"
    assert contents[1].startswith("a: ")
    assert contents[1].endswith("ms b")
    assert contents[2].startswith("a: ")
    assert "c" in contents[3]
    assert "2" in contents[3]
    assert contents[4:] == ["end"]
