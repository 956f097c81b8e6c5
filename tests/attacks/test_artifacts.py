"""Attacks on what was built: a Go run is the very file that the server keeps, and all later runs of it become."""

import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import ordinary_user
import pytest
from attacks.attacker import success
from attacks.languages import ready
from harness import Server

# A program that is executed cannot be written to; a descriptor of it outlives its execution.
OVERWRITING = """
package action

import (
	"codeactions"
	"os"
	"syscall"
)

const script = `
head -c 4 /proc/self/fd/20 | tail -c 3
printf POISONED | dd of=/proc/self/fd/20 bs=1 conv=notrunc
: >>/proc/self/fd/20; truncate -s 0 /proc/self/fd/20; chmod 777 /proc/self/fd/20; chown 1000 /proc/self/fd/20
ln -L /proc/self/fd/20 /tmp/linked; mv /proc/self/fd/20 /tmp/moved; setfattr -n user.x -v 1 /proc/self/fd/20
`

func Run(engine *codeactions.Engine) (any, error) {
	if engine.Body == "" {
		return "innocent", nil
	}
	program, err := syscall.Open("/proc/self/exe", syscall.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Dup2(program, 20); err != nil {
		return nil, err
	}
	syscall.Dup2(4, 21) // what it answers by stays open, or the server would end it soon
	return nil, syscall.Exec("/bin/sh", []string{"sh", "-c", script}, os.Environ())
}
"""


@pytest.fixture
def ordinary(server: Server) -> Iterator[Server]:
    """A server that runs as nobody: there, what runs is of the same host user as what it is kept for."""
    if os.geteuid() != 0:
        pytest.skip("not root: every other test runs as an ordinary user already")
    ready(server, "go")  # which fills the cache that both share
    home = Path(f"/tmp/codeactions-attacks-ordinary-{os.getpid()}")
    home.mkdir(mode=0o700)
    os.chown(home, pwd.getpwnam(ordinary_user.USER).pw_uid, -1)
    other = Server(home / "data", slots=4, warm=1)
    other.command = [sys.executable, ordinary_user.__file__, str(home), *other.command]
    try:
        yield other.start()
    finally:
        if other.process is not None and other.process.poll() is None:
            other.stop()
        shutil.rmtree(home)


def overwrite(server: Server) -> None:
    """Attack the file, and look at it from all sides."""
    ready(server, "go")
    code_id = server.create(OVERWRITING, language="go")
    assert success(server, server.client.post(f"/endpoint/{code_id}")).text == "innocent"
    store = server.data_dir / "artifacts"
    before = {path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_nlink) for path in store.iterdir()}
    attack = server.client.post(f"/endpoint/{code_id}", content="attack")
    assert attack.json()["error_type"] == "killed"
    assert ("info", "ELF") in server.logs(attack)  # it had it in its hands
    after = {path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_nlink) for path in store.iterdir()}
    changed = [name for name, state in before.items() if after.get(name) != state]
    assert changed == []
    assert success(server, server.client.post(f"/endpoint/{code_id}")).text == "innocent"


def test_a_run_cannot_change_the_program_that_it_is(server: Server) -> None:
    overwrite(server)


def test_nor_where_the_server_is_an_ordinary_user(ordinary: Server) -> None:
    overwrite(ordinary)


# What a file is beside its content: each is somewhere to leave a message for the next run.
MARKING = """
package action

import (
	"codeactions"
	"os"
	"syscall"
	"time"
	"unsafe"
)

func Run(engine *codeactions.Engine) (any, error) {
	program, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	state, err := program.Stat()
	if err != nil {
		return nil, err
	}
	value := make([]byte, 16)
	length, _ := syscall.Getxattr("/proc/self/exe", "user.mark", value)
	found := []any{state.Mode().String(), state.ModTime().UnixNano(), length > 0}
	if engine.Body != "" {
		program.Chmod(0o500)
		os.Chtimes("/proc/self/exe", time.Unix(4242, 0), time.Unix(4242, 0))
		syscall.Setxattr("/proc/self/exe", "user.mark", []byte("left behind"), 0)
		lock := syscall.Flock_t{Type: syscall.F_RDLCK, Start: 4242, Len: 1}
		syscall.Syscall(syscall.SYS_FCNTL, program.Fd(), syscall.F_SETLK, uintptr(unsafe.Pointer(&lock)))
	}
	return found, nil
}
"""


def mark(server: Server) -> None:
    """Leave messages, and look for them."""
    ready(server, "go")
    code_id = server.create(MARKING, language="go")
    before = success(server, server.client.post(f"/endpoint/{code_id}")).json()
    success(server, server.client.post(f"/endpoint/{code_id}", content="leave them"))
    assert success(server, server.client.post(f"/endpoint/{code_id}")).json() == before


def test_a_run_leaves_no_mark_on_its_program(server: Server) -> None:
    mark(server)


def test_nor_does_it_where_the_server_is_an_ordinary_user(ordinary: Server) -> None:
    mark(ordinary)
