package codeactions

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"unicode/utf8"
)

const (
	jobDescriptor    = 3
	framesDescriptor = 4
)

// Log writes lines to the run's log. With further arguments the message is a format, as of fmt.Printf.
type Log struct{ out *output }

// Debug writes at level debug.
func (log *Log) Debug(message ...any) { log.line("debug", message) }

// Info writes at level info.
func (log *Log) Info(message ...any) { log.line("info", message) }

// Warning writes at level warning.
func (log *Log) Warning(message ...any) { log.line("warning", message) }

// Warn is Warning by the name that it has in log/slog.
func (log *Log) Warn(message ...any) { log.line("warning", message) }

// Error writes at level error.
func (log *Log) Error(message ...any) { log.line("error", message) }

func (log *Log) line(level string, message []any) {
	content := ""
	if len(message) > 0 {
		content = fmt.Sprint(message[0])
	}
	if len(message) > 1 {
		content = fmt.Sprintf(content, message[1:]...)
	}
	log.out.line(level, content)
}

type job struct {
	Method   string      `json:"method"`
	Path     string      `json:"path"`
	RawPath  string      `json:"raw_path"`
	RawQuery string      `json:"raw_query"`
	Params   [][2]string `json:"params"`
	Headers  [][2]string `json:"headers"`
	Limits   limits      `json:"limits"`
	// ContentBytes is there if the body is followed by its text in UTF-8.
	ContentBytes *int `json:"content_bytes"`
	// Timezone is "" for UTC.
	Timezone string `json:"timezone"`
	// These three are absent if there are no values.
	Secrets     json.RawMessage   `json:"secrets"`
	Variables   json.RawMessage   `json:"variables"`
	Environment map[string]string `json:"environment"`
}

// The job is taken before the variables of the action's package are made, which may use the clock and the environment.
var given, body = taken()

func taken() (job, []byte) {
	given, body := receive()
	if given.Timezone != "" {
		os.Setenv("TZ", given.Timezone) // which time.Local looks at when it is first used
	}
	for name, value := range given.Environment {
		_ = os.Setenv(name, value) // which fails for no name that the server sends
	}
	return given, body
}

// Action lists the types that Run may have.
type Action interface {
	func(*Engine) | func(*Engine) error | func(*Engine) (any, error)
}

// Serve takes one job, runs it and ends the process. The program around an action calls it; actions need not.
func Serve[Run Action](run Run) {
	syscall.CloseOnExec(jobDescriptor)
	syscall.CloseOnExec(framesDescriptor)
	out := newOutput(framesDescriptor, given.Limits)
	stderr := os.Stderr
	// Always in this order: it is the order in which last lines without an end are written.
	os.Stdout = replaced(out, "info", os.Stdout)
	os.Stderr = replaced(out, "error", os.Stderr)
	standardLogging(out, stderr)
	atExit(out.rescue)
	atCrash(out.printed)
	// Endless recursion has an error of its own, as long as there is memory left to report it.
	if memory := debug.SetMemoryLimit(-1); memory < math.MaxInt64 {
		debug.SetMaxStack(int(memory / 4))
	}
	params, header := Params{given.Params}, Header{given.Headers}
	content, text := body, body
	if given.ContentBytes != nil {
		content, text = body[:*given.ContentBytes:*given.ContentBytes], body[*given.ContentBytes:]
	}
	engine := &Engine{
		Params: params, Header: header, Body: decode(text),
		Request: Request{given.Method, given.Path, given.RawPath, given.RawQuery, params, header, content, text},
		Secrets: valuesOf("secrets", given.Secrets), Variables: valuesOf("variables", given.Variables),
		Log: &Log{out}, Result: &Result{out: out, answer: answer{200, "", [][2]string{}, []byte{}}},
		background: &background{},
	}
	defer func() {
		failed := &failure{"Run ended its goroutine without returning", ""} // by runtime.Goexit
		if raised := recover(); raised != nil {
			failed = failureOf(raised)
		}
		out.fails(failed)
	}()
	before := goroutinesBefore()
	value, err := call(run, engine)
	if err != nil {
		out.fails(&failure{describe(err), ""})
	}
	if value != nil && !engine.Result.isGiven() {
		if err := engine.Result.Set(value); err != nil {
			out.fails(&failure{describe(err), ""})
		}
	}
	engine.finish(out, before)
}

// finish has the answer go out, and what follows it done. before: the goroutines that there were before Run.
func (engine *Engine) finish(out *output, before goroutines) {
	result, goesOn, left := engine.Result, false, ""
	if err := result.close(); err != nil {
		out.fails(&failure{describe(err), ""})
	}
	// A goroutine that Run has begun may give work even now, and what is left is known only when all work is done.
	for isFirst := true; isFirst || !engine.background.isEmpty(); isFirst = false {
		if !goesOn && !engine.background.isEmpty() {
			goesOn = true
			result.goOut()
		}
		if failed := engine.background.finish(out); failed != nil {
			out.fails(failed)
		}
		left = before.left()
	}
	if left != "" {
		out.line("warning", left)
	}
	if goesOn || result.isBegun {
		out.end()
	}
	out.result(result.answer)
}

func replaced(out *output, level string, file *os.File) *os.File {
	captured, err := out.capture(level, file)
	if err != nil {
		out.failure("internal", "the run's output cannot be read: "+err.Error(), "")
	}
	return captured
}

func call(run any, engine *Engine) (any, error) {
	switch typed := run.(type) {
	case func(*Engine) error:
		return nil, typed(engine)
	case func(*Engine) (any, error):
		return typed(engine)
	case func(*Engine):
		typed(engine)
	}
	return nil, nil
}

func describe(err error) string {
	if message := err.Error(); message != "" {
		return message + note(err, message)
	}
	return fmt.Sprintf("%T", err)
}

// decode replaces bytes that are not UTF-8 as Unicode recommends and as the other engines do: the beginning of a
// character as a whole, and any other byte by itself. Go's own functions replace each byte, or each run of them.
func decode(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}
	var text strings.Builder
	for len(body) > 0 {
		letter, size := utf8.DecodeRune(body)
		if letter == utf8.RuneError {
			// Only bytes that could still become a character are "not full".
			for size < len(body) && !utf8.FullRune(body[:size+1]) {
				size++
			}
		}
		text.WriteRune(letter)
		body = body[size:]
	}
	return text.String()
}

func receive() (job, []byte) {
	input := os.NewFile(jobDescriptor, "job")
	head := make([]byte, 5)
	if _, err := io.ReadFull(input, head); err != nil {
		exit(0) // not needed any more
	}
	payload := make([]byte, binary.BigEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(input, payload); err != nil {
		exit(0)
	}
	input.Close()
	end := 4 + binary.BigEndian.Uint32(payload)
	var given job
	if err := json.Unmarshal(payload[4:end], &given); err != nil {
		exit(70)
	}
	return given, payload[end:]
}

// trace returns a stack from the place of the panic to the action's Run, without the frames of the engine.
func trace(stack []byte) string {
	lines := strings.Split(strings.TrimRight(string(stack), "\n"), "\n")
	begin, end := 0, len(lines)
	for number, line := range lines {
		if strings.HasPrefix(line, "panic(") {
			begin = number + 2
		}
		if strings.HasPrefix(line, "codeactions.call") && number > begin {
			end = number
			break
		}
	}
	return lines[0] + "\n" + strings.Join(lines[begin:end], "\n") + "\n"
}
