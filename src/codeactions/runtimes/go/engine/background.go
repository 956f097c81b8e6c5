package codeactions

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
)

// background is the work that follows the answer.
type background struct {
	mutex   sync.Mutex
	waiting []func()
}

// failure is an error that a run ends with.
type failure struct{ message, trace string }

// Background has a function called after the answer has gone out, and the run go on until it is done. One is called after
// the other, in order, and all of them even if one panics. The first panic is the run's error. They may call Background
// themselves. None is called if Run fails.
func (engine *Engine) Background(work func()) {
	if work == nil {
		panic("engine.Background is given no function")
	}
	later := engine.background
	later.mutex.Lock()
	defer later.mutex.Unlock()
	later.waiting = append(later.waiting, work)
}

func (later *background) next() func() {
	later.mutex.Lock()
	defer later.mutex.Unlock()
	if len(later.waiting) == 0 {
		return nil
	}
	work := later.waiting[0]
	later.waiting = later.waiting[1:]
	return work
}

func (later *background) isEmpty() bool {
	later.mutex.Lock()
	defer later.mutex.Unlock()
	return len(later.waiting) == 0
}

// finish does all of the work. It returns the first failure; the others go to the log.
func (later *background) finish(out *output) *failure {
	var first *failure
	for work := later.next(); work != nil; work = later.next() {
		failed := tried(work)
		if first == nil {
			first = failed
		} else if failed != nil {
			out.line("error", strings.TrimSpace("work after the answer failed: "+failed.message+"\n"+failed.trace))
		}
	}
	return first
}

// tried calls a function in a goroutine of its own, which it may end.
func tried(work func()) *failure {
	ended := make(chan *failure)
	go func() {
		result := &failure{"a function that engine.Background was given ended its goroutine without returning", ""}
		defer func() {
			if raised := recover(); raised != nil {
				result = failureOf(raised)
			}
			ended <- result
		}()
		callWork(work)
		result = nil
	}()
	return <-ended
}

func callWork(work func()) { work() }

// failureOf describes a panic. It has to be called by the function that recovers.
func failureOf(raised any) *failure {
	message := fmt.Sprintf("panic: %v", raised)
	return &failure{message + note(raised, message), trace(debug.Stack())}
}
