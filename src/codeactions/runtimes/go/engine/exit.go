package codeactions

import (
	"syscall"
	_ "unsafe" // for go:linkname
)

// exithook is internal to the runtime; the linker is told to let it pass (build.py).
type exitHook struct {
	call      func()
	onFailure bool
}

//go:linkname addExitHook internal/runtime/exithook.Add
func addExitHook(hook exitHook)

// atExit has something called when the action ends the process by os.Exit or log.Fatal.
func atExit(call func()) { addExitHook(exitHook{call, true}) }

// exit ends the process at once: what atExit was given is for the action's own exits.
func exit(code int) { syscall.Exit(code) }
