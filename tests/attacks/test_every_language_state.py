"""Attacks in JavaScript and Go on the state of a runtime: it does not reach the next run."""

import pytest
from attacks.attacker import success
from attacks.languages import LANGUAGES, alone, ready
from harness import Server

POISON = {
    "javascript": """
        import fs from "node:fs";
        import child from "node:child_process";
        const kinds = [Object, Array, Function, String, Map, Promise, Buffer, Response, Headers, Error, RegExp];
        export async function Run(engine) {
          for (const kind of kinds) kind.prototype.poisoned = true;
          Object.prototype.statusCode = 418;
          Object.defineProperty(Object.prototype, "toJSON", { value: () => "poisoned", configurable: true });
          fs.readSync = fs.writeSync = fs.writeFileSync = JSON.stringify = JSON.parse = () => "poisoned";
          Math.random = crypto.randomUUID = () => 4;
          globalThis.poisoned = process.env.POISONED = "yes";
          for (const path of Object.keys(require.cache)) delete require.cache[path];
          require.cache["/runtimes/javascript/engine.cjs"] = { exports: {} };
          for (let kind = Object.getPrototypeOf(engine); kind !== Object.prototype; kind = Object.getPrototypeOf(kind)) {
            for (const name of Object.getOwnPropertyNames(kind)) try { kind[name] = "poisoned"; } catch {}
          }
          try { Bun.plugin({ name: "poison", setup(build) { build.onLoad({ filter: /.*/ }, () => ({ contents: "poisoned" })); } }); } catch {}
          child.spawnSync("sh", ["-c", "echo 'preload = [\\"/tmp/x.js\\"]' > /tmp/bunfig.toml; echo 'throw 1' > /tmp/x.js; mkdir -p /tmp/node_modules/left"]);
        }
    """,
    "go": """
        package action

        import (
            "codeactions"
            "net"
            "os"
            "syscall"
            "unsafe"
        )

        var count int

        func Run(engine *codeactions.Engine) (any, error) {
            os.Args = []string{"poisoned"}
            os.Setenv("POISONED", "yes")
            os.Stdout, os.Stderr = nil, nil
            net.DefaultResolver = nil
            // Its own machine code, which the program's file on disk is mapped to.
            var run func(*codeactions.Engine) (any, error) = Run
            code := **(**uintptr)(unsafe.Pointer(&run))
            page := unsafe.Slice((*byte)(unsafe.Pointer(code&^4095)), 4096)
            if err := syscall.Mprotect(page, 7); err != nil { return nil, err }
            page[code&4095] = 0xcc
            memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
            if err == nil { memory.WriteAt([]byte{0xcc}, int64(code)) }
            if len(engine.Body) > 0 { return Run(engine) }
            return "poisoned", nil
        }
    """,
}
CLEAN = {
    "javascript": """
        import fs from "node:fs";
        export async function Run(engine) {
          console.log("printed");
          return [{}.poisoned, [].poisoned, "".poisoned, Math.random() !== 4, typeof globalThis.poisoned, process.env.POISONED,
                  JSON.parse(JSON.stringify({ a: 1 })), fs.existsSync("/tmp/bunfig.toml"), fs.existsSync("/tmp/node_modules"),
                  engine.params.get("x"), engine.body, crypto.randomUUID().length];
        }
    """,
    "go": """
        package action

        import (
            "codeactions"
            "fmt"
            "os"
        )

        var count int

        func Run(engine *codeactions.Engine) (any, error) {
            fmt.Println("printed")
            count++
            return []any{count, os.Args, os.Getenv("POISONED"), engine.Params.Get("x"), engine.Body}, nil
        }
    """,
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_run_does_to_its_runtime_does_not_reach_the_next(server: Server, language: str) -> None:
    ready(server, language)
    first = success(server, alone(server, language, CLEAN[language], params={"x": "1"}, content="body"))
    for _ in range(5):
        alone(server, language, POISON[language])
        answer = success(server, alone(server, language, CLEAN[language], params={"x": "1"}, content="body"))
        assert answer.json() == first.json()
        assert server.logs(answer) == [("info", "printed")]
    # Nor a later run of the same code.
    again = [alone(server, language, POISON[language]) for _ in range(2)]
    assert len({answer.text.partition("run ")[0] for answer in again}) == 1
