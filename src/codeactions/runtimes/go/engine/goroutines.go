package codeactions

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

const (
	stackBytes = 256 * 1024 // of all goroutines; what is over it is not counted
	looks      = 10
	breath     = 100 * time.Microsecond
)

// goroutinesLeft returns a warning of goroutines that the action has begun and that are not done; "" if there are none.
// Those that packages such as net/http begin for themselves do not count. before: how many there were before Run.
func goroutinesLeft(before int) string {
	for look := 0; runtime.NumGoroutine() > before; look++ {
		count, place := goroutinesOfAction()
		if count == 0 {
			break
		}
		if look == looks {
			return fmt.Sprintf("Run is done, but goroutines that it has begun are not, and end here: %d, one of them at %s. "+
				"Wait for them, or give their work to engine.Background", count, place)
		}
		time.Sleep(breath) // for one that is as good as done
	}
	return ""
}

// goroutinesOfAction counts the action's goroutines, and tells the place in the source where one was begun.
func goroutinesOfAction() (count int, place string) {
	stacks := make([]byte, stackBytes)
	text := string(stacks[:runtime.Stack(stacks, true)])
	for _, stack := range strings.Split(text, "\n\n")[1:] { // the first one is this goroutine
		if found, isOurs := placeInAction(stack); isOurs {
			count, place = count+1, found
		}
	}
	return count, place
}

// placeInAction tells whether the action runs in a goroutine or has begun it, and where. What the action's package begins
// before Run is meant to be there to the end.
func placeInAction(stack string) (place string, isOurs bool) {
	for line := range strings.Lines(stack) {
		creator, isCreator := strings.CutPrefix(line, "created by ")
		if isCreator && strings.HasPrefix(creator, "run/action.init") {
			return "", false
		}
		isOurs = isOurs || strings.HasPrefix(line, "run/action.") || strings.HasPrefix(creator, "run/action.")
		if strings.HasPrefix(line, "\taction.go:") { // the last one is where it was begun, if the action has done that
			place, _, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
	}
	return place, isOurs
}
