package codeactions

import (
	"syscall"
	"unsafe"
)

// overrideWrite is called by the runtime, if it is set, for each piece of text that println or a crash writes.
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

// atCrash makes a crash send the lines that were printed just before it. The runtime calls no hook in a crash, and the
// lines would be lost with the pipes. They go to where the crash is written, past the engine, whose goroutines are
// stopped by then.
func atCrash(printed []*stream) {
	unsent = printed
	overrideWrite = writeLast
}

// writeLast runs on the stack that the runtime is on, whichever that is: it may not grow it, allocate, or wait for a lock.
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
