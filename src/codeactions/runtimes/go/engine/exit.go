package codeactions

import (
	"syscall"
	_ "unsafe" // for go:linkname
)

// exitHook has the layout of a type that is internal to the runtime. The linker is told to allow its use (build.py).
type exitHook struct {
	call      func()
	onFailure bool
}

//go:linkname addExitHook internal/runtime/exithook.Add
func addExitHook(hook exitHook)

// atExit makes the runtime call a function when the action ends the process by os.Exit or log.Fatal.
func atExit(call func()) { addExitHook(exitHook{call, true}) }

// exit ends the process at once, without the function that atExit was given: that is for the action's own exits.
func exit(code int) { syscall.Exit(code) }
