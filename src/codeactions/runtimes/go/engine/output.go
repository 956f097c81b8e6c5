package codeactions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"unsafe"
)

const readSize = 64 * 1024 // bytes that are read from a pipe at once

type limits struct {
	ResultBytes   int `json:"result_bytes"`
	LogLines      int `json:"log_lines"`
	LogCharacters int `json:"log_characters"`
	LogBytes      int `json:"log_bytes"`
}

// output sends frames to the server, and stops sending log lines at the limits. Printed text comes through pipes that
// are emptied before each line of the log and before the end, so that all lines stay in their order.
type output struct {
	mutex    sync.Mutex
	frames   int
	limits   limits
	left     int // bytes
	lines    int
	small    int // pieces of lines that may still be sent however small they are
	heldBack int
	printed  []*stream
}

type stream struct {
	level   string
	begun   bool     // whether a line has begun, of which something was read
	room    int      // bytes of it that may still be sent; -1 if none of it is
	before  *os.File // held, or the collector would close it, and a crash writes to it
	waiting *os.File // held, or the collector would close it, and its number would become another file's
	reading int
	partial []byte // read, and neither sent nor thrown away
}

func newOutput(frames int, bounds limits) *output {
	return &output{frames: frames, limits: bounds, left: bounds.LogBytes, lines: bounds.LogLines, small: bounds.LogBytes / (2 * pieceBytes)}
}

// capture returns a file to take another's place. The lines that are written to it become log lines.
func (out *output) capture(level string, before *os.File) (*os.File, error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(ends[0], true); err != nil {
		return nil, err
	}
	captured := &stream{level: level, before: before, reading: ends[0], waiting: os.NewFile(uintptr(ends[0]), before.Name())}
	out.printed = append(out.printed, captured)
	raw, err := captured.waiting.SyscallConn()
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			more := true
			// Waits in the runtime's poller, and reads under the lock.
			err := raw.Read(func(uintptr) bool {
				out.mutex.Lock()
				defer out.mutex.Unlock()
				read := out.empty(captured)
				more = read >= 0
				return read != 0
			})
			if err != nil || !more {
				return
			}
		}
	}()
	return os.NewFile(uintptr(ends[1]), before.Name()), nil
}

// empty reads all that is in the pipe, and returns how many bytes that was; -1 at the pipe's end.
//
// A crash may stop this goroutine anywhere, above all where a system call ends that the runtime knows of. So that
// nothing is lost or sent twice (crash.go), bytes are in `partial` from the moment they are read until they are sent.
func (out *output) empty(captured *stream) int {
	total := 0
	for {
		length := len(captured.partial)
		captured.partial = slices.Grow(captured.partial, readSize)
		count, _, err := syscall.RawSyscall(syscall.SYS_READ, uintptr(captured.reading),
			uintptr(unsafe.Pointer(&captured.partial[:length+1][length])), readSize)
		if err == syscall.EINTR {
			continue
		}
		if err != 0 || count == 0 {
			if err == 0 && total == 0 {
				return -1
			}
			return total
		}
		captured.partial = captured.partial[:length+int(count)]
		total += int(count)
		for {
			line, rest, found := bytes.Cut(captured.partial, []byte("\n"))
			if !found {
				break
			}
			frame := out.text(captured, line, true)
			captured.partial = rest
			out.put(frame)
		}
		// The beginning of a line is sent as well: the program may be killed before its end.
		if size := len(captured.partial); size >= pieceBytes || size > 0 && out.small > 0 {
			if size < pieceBytes {
				out.small--
			}
			frame := out.text(captured, captured.partial, false)
			captured.partial = captured.partial[size:]
			out.put(frame)
		}
	}
}

// text returns the frame of a piece of a printed line, with its line feed if it is the last; nothing, if none of it is
// sent.
func (out *output) text(captured *stream, piece []byte, last bool) []byte {
	size := len(piece)
	if last {
		size++
	}
	out.spend(size)
	if !captured.begun {
		captured.begun, captured.room = true, -1
		if out.takesLine() {
			captured.room = 4 * (out.limits.LogCharacters + 1)
		}
	}
	sent := captured.room >= 0
	piece = piece[:max(0, min(len(piece), captured.room))]
	captured.room -= len(piece)
	if last {
		captured.begun = false
		if sent {
			return frame(textFrame, []byte{levels[captured.level]}, piece, []byte("\n"))
		}
	} else if len(piece) > 0 {
		return frame(textFrame, []byte{levels[captured.level]}, piece)
	}
	return nil
}

// line sends a line of the log, after the lines that were printed before it.
func (out *output) line(level, content string) {
	out.mutex.Lock()
	defer out.mutex.Unlock()
	out.emptyAll()
	out.write(level, content)
}

func (out *output) emptyAll() {
	for _, captured := range out.printed {
		out.empty(captured)
	}
}

func (out *output) write(level, content string) { out.put(out.logLine(level, content)) }

// logLine returns the frame of an entry, line feeds in it or not; nothing, if it is held back.
func (out *output) logLine(level, content string) []byte {
	out.spend(len(content) + 1)
	if !out.takesLine() {
		return nil
	}
	return frame(logFrame, []byte{levels[level]}, []byte(cut(content, out.limits.LogCharacters+1)))
}

func (out *output) takesLine() bool {
	if out.lines <= 0 {
		out.heldBack++ // told with the run's end
		return false
	}
	out.lines--
	return true
}

func (out *output) spend(size int) {
	out.left -= size
	if out.left < 0 {
		out.fail("output_limit", "the run wrote more to its log than may be read", "")
	}
}

// finish empties the pipes, last lines without an end included.
func (out *output) finish() {
	out.emptyAll()
	for _, captured := range out.printed {
		if captured.begun || len(captured.partial) > 0 {
			frame := out.text(captured, captured.partial, true)
			captured.partial = nil
			out.put(frame)
		}
	}
}

// rescue sends the lines that were printed just before the action's own os.Exit. They would be lost with the pipes.
func (out *output) rescue() {
	out.mutex.Lock()
	out.finish()
}

// failure ends the run with an error.
func (out *output) failure(kind, message, trace string) {
	out.mutex.Lock()
	out.finish()
	out.fail(kind, message, trace)
}

// fails ends the run with what its action failed with.
func (out *output) fails(with *failure) { out.failure("exception", with.message, with.trace) }

func (out *output) fail(kind, message, trace string) {
	// Of a long trace, the beginning and the end tell the most.
	letters := []rune(trace)
	if len(letters) > 2*textLimit {
		trace = fmt.Sprintf("%s\n… %d characters left out …\n%s",
			string(letters[:textLimit]), len(letters)-2*textLimit, string(letters[len(letters)-textLimit:]))
	}
	meta, _ := json.Marshal(map[string]any{
		"type": kind, "message": cut(message, textLimit), "traceback": trace, "held_back": out.heldBack,
	})
	out.put(frame(failureFrame, size(meta), meta))
	exit(0)
}

// cut returns the first characters of a text.
func cut(content string, characters int) string {
	count := 0
	for place := range content {
		if count == characters {
			return content[:place]
		}
		count++
	}
	return content
}
