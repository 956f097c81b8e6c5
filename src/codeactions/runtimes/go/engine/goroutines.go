package codeactions

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	stackBytes = 256 * 1024 // of all goroutines; what is over it is not counted
	looks      = 10
	mostPlaces = 5
	breath     = 100 * time.Microsecond
	readers    = 2 // goroutines of the engine, which read what is printed
)

// atStart counts the goroutines that there are before the action's package is made.
var atStart = runtime.NumGoroutine()

// goroutines are those that there are before Run.
type goroutines struct {
	count int
	// Numbers of those that the action's package has begun by then, and the readers of what is printed.
	early map[string]bool
}

// goroutinesBefore looks at goroutines before Run. Those that the action's package has begun, in variables or in init, are
// meant to be there to the end.
func goroutinesBefore() goroutines {
	before := goroutines{count: runtime.NumGoroutine()}
	if before.count > atStart+readers {
		before.early = map[string]bool{}
		for _, stack := range otherStacks() {
			before.early[numberOf(stack)] = true
		}
	}
	return before
}

// left returns a warning of goroutines that the action has begun since and that are not done; "" if there are none. Those
// that packages such as net/http begin for themselves do not count.
func (before goroutines) left() string {
	for look := 0; runtime.NumGoroutine() > before.count; look++ {
		count, where := before.ofAction()
		if count == 0 {
			break
		}
		if look == looks {
			return fmt.Sprintf("the run ended and left unfinished: %d goroutine%s, begun at %s. "+
				"Wait for such work, or give it to engine.Background", count, strings.Repeat("s", min(count-1, 1)), where)
		}
		time.Sleep(breath) // for one that is as good as done
	}
	return ""
}

// ofAction counts the action's goroutines, and tells the places in the source where they were begun.
func (before goroutines) ofAction() (count int, where string) {
	places := []string{}
	for _, stack := range otherStacks() {
		if place, isAtWork := atWork(stack); isAtWork && !before.early[numberOf(stack)] {
			count++
			if !slices.Contains(places, place) && len(places) < mostPlaces {
				places = append(places, place)
			}
		}
	}
	return count, strings.Join(places, ", ")
}

// otherStacks returns the stacks of all goroutines but this one.
func otherStacks() []string {
	stacks := make([]byte, stackBytes)
	return strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n")[1:] // this one is the first
}

// numberOf returns the number that a stack's first line has: "goroutine 7 [running]:".
func numberOf(stack string) string {
	number, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
	return number
}

// atWork tells whether the action runs in a goroutine or has begun it, and where. One that waits in the action itself for a
// channel has no work, as those of a pool.
func atWork(stack string) (place string, isOurs bool) {
	number, isWaiting, isNew := 0, false, false
	for line := range strings.Lines(stack) {
		creator, _ := strings.CutPrefix(line, "created by ")
		isHere := strings.HasPrefix(creator, "run/action.")
		switch {
		case number == 0:
			isWaiting, isNew = strings.Contains(line, "[chan receive"), strings.Contains(line, "[runnable")
		case number == 1 && isHere && isWaiting:
			return "", false
		case strings.HasPrefix(line, "\taction.go:"): // the last one is where it was begun, if the action has done that
			place, _, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		// Of one that has not begun yet, the stack does not show what it will call.
		isOurs = isOurs || isHere || isNew && strings.HasPrefix(creator, "sync.(*WaitGroup).Go ")
		number++
	}
	return place, isOurs
}
