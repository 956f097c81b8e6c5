"""Attacks in JavaScript and Go. The sources of many stand in one code, of which each call picks one by its name."""

import base64
import errno
import json
from dataclasses import dataclass
from functools import cache
from textwrap import dedent, indent
from typing import Any

import httpx
from harness import Server

# Those in Python have modules of their own, beside the ones named test_every_language_….
LANGUAGES = ("javascript", "go")
TIMEOUT = 20  # seconds of a toolbox; an attack that should end by itself must not take that long

_JAVASCRIPT = """
import { dlopen, ptr, read, toArrayBuffer } from "bun:ffi";
import child from "node:child_process";
import dns from "node:dns";
import fs from "node:fs";
import net from "node:net";
import util from "node:util";

// What came of an attempt: the name of the errno, "did it", or whatever the attempt returned.
async function attempt(action, ...given) {
  try { return (await action(...given)) ?? "did it"; } catch (error) { return error.code ?? error.name; }
}
const forever = () => new Promise(() => {});
const once = (emitter, name) => new Promise((resolve, reject) => { emitter.once(name, resolve).once("error", reject); });
let libc;
function call(name, ...numbers) {
  const args = Array(7).fill("i64");
  libc ??= dlopen("libc.so.6", { syscall: { args, returns: "i64" }, __errno_location: { args: [], returns: "ptr" } }).symbols;
  while (numbers.length < 6) numbers.push(0);
  const result = Number(libc.syscall(name, ...numbers));
  if (result >= 0) return "did it";
  const number = read.i32(libc.__errno_location(), 0);
  return number === 38 ? "ENOSYS" : util.getSystemErrorName(-number);
}
const send = (bytes) => { for (let sent = 0; sent < bytes.length; ) sent += fs.writeSync(4, bytes, sent); };
/** A program that sleeps under a name of its own, by which a test finds it. */
function sleeper(name, ...before) {
  fs.copyFileSync("/bin/sleep", `/tmp/${name}`);
  return child.spawn([...before, `/tmp/${name}`, "600"].join(" "), { shell: true, stdio: "ignore" });
}
function named(name) {
  return fs.readdirSync("/proc").filter((pid) => {
    try { return fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name; } catch { return false; }
  });
}
async function until(condition) { while (!condition()) await Bun.sleep(5); }

const attacks = {
ATTACKS
};

export async function Run(engine) { return await attacks[engine.params.get("attack")](engine); }
"""
_JAVASCRIPT_ATTACK = "{name}: async (engine) => {{\n{body}\n}},"

_GO = """
package action

import (
	"codeactions"
	crand "crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Not every toolbox has a use for all of them.
var _ = []any{crand.Read, base64.StdEncoding, json.Marshal, errors.As, fmt.Sprint, io.ReadAll, rand.Int64, net.Dial,
	os.Exit, exec.Command, signal.Ignore, filepath.Join, runtime.GC, slices.Sort[[]int], strconv.Itoa, strings.Split,
	sync.NewCond, syscall.Kill, time.Now, unsafe.Pointer(nil)}

var names = map[syscall.Errno]string{NAMES}

// What came of an attempt: the name of the errno, "did it", or what else was the matter.
func outcome(err error) string {
	var number syscall.Errno
	switch {
	case err == nil:
		return "did it"
	case errors.As(err, &number) && number != 0:
		return names[number]
	}
	return err.Error()
}

func call(number uintptr, given ...uintptr) string {
	given = append(given, 0, 0, 0, 0, 0, 0)
	_, _, errno := syscall.RawSyscall6(number, given[0], given[1], given[2], given[3], given[4], given[5])
	if errno == 0 {
		return "did it"
	}
	return names[errno]
}

func send(data []byte) {
	for len(data) > 0 {
		count, err := syscall.Write(4, data)
		if err != nil {
			panic(err)
		}
		data = data[count:]
	}
}

func forever() { select {} }

// A program that sleeps under a name of its own, by which a test finds it.
func sleeper(name string, before string) *exec.Cmd {
	content, _ := os.ReadFile("/bin/sleep")
	os.WriteFile("/tmp/"+name, content, 0o755)
	command := exec.Command("/bin/sh", "-c", before+" /tmp/"+name+" 600")
	if err := command.Start(); err != nil {
		panic(err)
	}
	return command
}

func named(name string) []string {
	found := []string{}
	comms, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, comm := range comms {
		if content, _ := os.ReadFile(comm); strings.TrimSpace(string(content)) == name {
			found = append(found, comm)
		}
	}
	return found
}

func until(condition func() bool) {
	for !condition() {
		time.Sleep(5 * time.Millisecond)
	}
}

var attacks = map[string]func(*codeactions.Engine) (any, error){
ATTACKS
}

func Run(engine *codeactions.Engine) (any, error) { return attacks[engine.Params.Get("attack")](engine) }
"""
_GO_ATTACK = "{name}: func(engine *codeactions.Engine) (any, error) {{\n{body}\n\treturn nil, nil\n}},"
_ERRNOS = ", ".join(f'{number}: "{name}"' for number, name in sorted(errno.errorcode.items()))
Bodies = dict[str, str]


@dataclass(frozen=True)
class Toolbox:
    """Attacks by name: language → what stands in its `Run`. Not every attack exists in every language."""

    attacks: dict[str, Bodies]
    timeout: int = TIMEOUT

    def __hash__(self) -> int:
        return id(self)

    def cases(self) -> list[tuple[str, str]]:
        """(language, name) of each attack, to parametrise a test with."""
        return [
            (language, name) for name, bodies in self.attacks.items() for language in LANGUAGES if language in bodies
        ]

    def source(self, language: str) -> str:
        """All attacks of a language in one source."""
        template, form = (_JAVASCRIPT, _JAVASCRIPT_ATTACK) if language == "javascript" else (_GO, _GO_ATTACK)
        bodies = {name: bodies[language] for name, bodies in self.attacks.items() if language in bodies}
        parts = [form.format(name=json.dumps(name), body=indent(dedent(body), "\t")) for name, body in bodies.items()]
        return template.lstrip().replace("NAMES", _ERRNOS).replace("ATTACKS", "\n".join(parts))

    def deployed(self, server: Server, language: str) -> str:
        """The id of the code, deployed once for each server."""
        return _deployed(self, server, language)

    def call(self, server: Server, language: str, attack: str, **request: Any) -> httpx.Response:
        """Let one attack loose."""
        code_id = self.deployed(server, language)
        assert language in self.attacks[attack], f"{attack} does not exist in {language}"
        params = {"attack": attack, **request.pop("params", {})}
        return server.client.post(f"/endpoint/{code_id}", params=params, **request)


@cache
def _deployed(toolbox: Toolbox, server: Server, language: str) -> str:
    ready(server, language)
    return server.create(toolbox.source(language), language=language, timeout=toolbox.timeout)


@cache
def ready(server: Server, language: str) -> None:
    """Wait until a language can be deployed, once for each server."""
    server.wait_for_language(language)


def alone(server: Server, language: str, source: str, **request: Any) -> httpx.Response:
    """Deploy and call a source that has to be a code of its own."""
    ready(server, language)
    code_id = server.create(dedent(source), language=language, timeout=request.pop("timeout_seconds", TIMEOUT))
    return server.client.post(f"/endpoint/{code_id}", **request)


def encoded(data: bytes) -> str:
    """Bytes as attacks get them in their call's body."""
    return base64.b64encode(data).decode()
