package codeactions

import (
	"syscall"
	"unsafe"
)

// What the runtime calls, if it is set, for each piece of text that it writes: of println, and of a crash.
//
//go:linkname overrideWrite runtime.overrideWrite
var overrideWrite func(to uintptr, text unsafe.Pointer, size int32) int32

//go:linkname panicking runtime.panicking
var panicking uint32

var (
	unsent    []*stream
	isRescued bool
	rescued   [readSize]byte // nothing can be allocated in a crash
)

// atCrash has what was printed just before a crash sent: no hook of the runtime's is called in one, and the lines would
// be lost with the pipes. They go to where the crash goes, past the engine, whose goroutines are stopped by then.
func atCrash(printed []*stream) {
	unsent = printed
	overrideWrite = writeLast
}

// writeLast runs on whatever stack the runtime is on: it may not grow it, allocate, or wait for a lock.
//
//go:nosplit
func writeLast(to uintptr, text unsafe.Pointer, size int32) int32 {
	if panicking != 0 && !isRescued {
		isRescued = true
		for number := range unsent {
			rescueOne(unsent[number], uintptr(number+1))
		}
	}
	count, _, failed := syscall.RawSyscall(syscall.SYS_WRITE, to, uintptr(text), uintptr(size))
	if failed != 0 {
		return -int32(failed)
	}
	return int32(count)
}

//go:nosplit
func rescueOne(printed *stream, to uintptr) {
	last := byte('\n')
	if size := len(printed.partial); size > 0 {
		last = printed.partial[size-1]
		syscall.RawSyscall(syscall.SYS_WRITE, to, uintptr(unsafe.Pointer(&printed.partial[0])), uintptr(size))
	}
	for {
		count, _, failed := syscall.RawSyscall(
			syscall.SYS_READ, uintptr(printed.reading), uintptr(unsafe.Pointer(&rescued[0])), uintptr(len(rescued)))
		if failed != 0 || count == 0 || count > uintptr(len(rescued)) {
			break
		}
		last = rescued[count-1]
		syscall.RawSyscall(syscall.SYS_WRITE, to, uintptr(unsafe.Pointer(&rescued[0])), count)
	}
	if last != '\n' { // a crash is known by how its line begins
		rescued[0] = '\n'
		syscall.RawSyscall(syscall.SYS_WRITE, to, uintptr(unsafe.Pointer(&rescued[0])), 1)
	}
}
