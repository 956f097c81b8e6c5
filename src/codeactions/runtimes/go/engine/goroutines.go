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
)

// goroutinesLeft returns a warning of goroutines that the action has begun and that are not done; "" if there are none.
// Those that packages such as net/http begin for themselves do not count. before: how many there were before Run.
func goroutinesLeft(before int) string {
	for look := 0; runtime.NumGoroutine() > before; look++ {
		count, where := goroutinesOfAction()
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

// goroutinesOfAction counts the action's goroutines, and tells the places in the source where they were begun.
func goroutinesOfAction() (count int, where string) {
	stacks := make([]byte, stackBytes)
	text := string(stacks[:runtime.Stack(stacks, true)])
	places := []string{}
	for _, stack := range strings.Split(text, "\n\n")[1:] { // the first one is this goroutine
		if place, isAtWork := atWork(stack); isAtWork {
			count++
			if !slices.Contains(places, place) && len(places) < mostPlaces {
				places = append(places, place)
			}
		}
	}
	return count, strings.Join(places, ", ")
}

// atWork tells whether the action runs in a goroutine or has begun it, and where. One that waits in the action itself for a
// channel has no work, as those of a pool. What the action's package begins before Run is meant to be there to the end.
func atWork(stack string) (place string, isOurs bool) {
	number, isWaiting, isNew := 0, false, false
	for line := range strings.Lines(stack) {
		creator, isCreator := strings.CutPrefix(line, "created by ")
		isHere := strings.HasPrefix(creator, "run/action.")
		switch {
		case number == 0:
			isWaiting, isNew = strings.Contains(line, "[chan receive"), strings.Contains(line, "[runnable")
		case number == 1 && isHere && isWaiting, isCreator && isBeforeRun(creator):
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

// isBeforeRun tells whether a goroutine was begun by the making of the package's variables, or by a function init: they are
// run/action.init, run/action.init.0 and so on, or a function in one of these.
func isBeforeRun(creator string) bool {
	return strings.HasPrefix(creator, "run/action.init ") || strings.HasPrefix(creator, "run/action.init.")
}
