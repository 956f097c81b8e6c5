package codeactions

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// standardLogging leads the standard library's own loggers to the log: each message is one entry. An action that has set
// another output or handler, or does so later, has that one. stderr is the standard error of before.
func standardLogging(out *output, stderr *os.File) {
	writer, flags, usual := log.Writer(), log.Flags(), slog.Default().Handler()
	if fmt.Sprintf("%T", usual) == "*slog.defaultHandler" {
		slog.SetDefault(slog.New(newLogHandler(out, usual)))
		// That led package log to slog.
		log.SetFlags(flags)
		log.SetOutput(writer)
	}
	if writer == stderr {
		log.SetOutput(logWriter{out})
	}
}

// logWriter takes a whole message at each call. Package log has no levels and writes to standard error.
type logWriter struct{ out *output }

func (writer logWriter) Write(message []byte) (int, error) {
	writer.out.line("error", strings.TrimSuffix(string(message), "\n"))
	return len(message), nil
}

// logHandler is the handler of slog's default logger. It has the level that slog.SetLogLoggerLevel sets.
type logHandler struct {
	out        *output
	usual      slog.Handler
	attributes slog.Handler // writes those of a record into text
	text       *bytes.Buffer
	mutex      *sync.Mutex // of text
}

func newLogHandler(out *output, usual slog.Handler) logHandler {
	text := &bytes.Buffer{}
	options := &slog.HandlerOptions{Level: slog.Level(-1 << 20), ReplaceAttr: withoutHead}
	return logHandler{out, usual, slog.NewTextHandler(text, options), text, &sync.Mutex{}}
}

// withoutHead leaves out level and message, which stand elsewhere. There is no time.
func withoutHead(groups []string, attribute slog.Attr) slog.Attr {
	_, isLevel := attribute.Value.Any().(slog.Level)
	isMessage := attribute.Key == slog.MessageKey && attribute.Value.Kind() == slog.KindString && attribute.Value.String() == ""
	if len(groups) == 0 && (isMessage || isLevel && attribute.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return attribute
}

func (handler logHandler) Enabled(given context.Context, level slog.Level) bool {
	return handler.usual.Enabled(given, level)
}

func (handler logHandler) Handle(given context.Context, record slog.Record) error {
	message := record.Message
	record.Message, record.Time = "", time.Time{} // the handler leaves out a time that is not set
	handler.mutex.Lock()
	handler.text.Reset()
	err := handler.attributes.Handle(given, record)
	attributes := strings.TrimSuffix(handler.text.String(), "\n")
	handler.mutex.Unlock()
	if attributes != "" {
		message += " " + attributes
	}
	handler.out.line(levelOf(record.Level), message)
	return err
}

func (handler logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	handler.attributes = handler.attributes.WithAttrs(attributes)
	return handler
}

func (handler logHandler) WithGroup(name string) slog.Handler {
	handler.attributes = handler.attributes.WithGroup(name)
	return handler
}

// levelOf returns the level of the log; levels between slog's own count as the next lower one.
func levelOf(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warning"
	case level >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}
