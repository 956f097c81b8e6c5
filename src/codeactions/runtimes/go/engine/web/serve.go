package web

import (
	"net/http"
	"strings"

	"codeactions"
)

const mostHeld = 64 * 1024 // bytes of an answer that may be held until it is flushed

// Serve has a handler of net/http answer the call. What the handler writes goes out when it flushes (http.Flusher), or when
// it has written 64 KiB; else as a whole when it returns. Serve returns an error for what cannot be sent.
func Serve(engine *codeactions.Engine, handler http.Handler) error {
	answer := &writer{result: engine.Result, header: http.Header{}}
	handler.ServeHTTP(answer, Request(engine))
	if answer.failed == nil && !answer.isBegun {
		answer.WriteHeader(http.StatusOK)
		answer.failed = engine.Result.Set(answer.held, answer.head()...)
	} else if answer.failed == nil {
		answer.failed = answer.FlushError()
	}
	return answer.failed
}

// writer is the http.ResponseWriter of a call.
type writer struct {
	result  *codeactions.Result
	header  http.Header
	status  int         // 0 until it is given
	sent    http.Header // as it was then: what is changed later does not count
	held    []byte
	isBegun bool
	failed  error
}

// Header returns the headers, which can be changed until the status is given.
func (writer *writer) Header() http.Header { return writer.header }

// WriteHeader gives the status. Those before the one that counts, 100 to 199, are not sent.
func (writer *writer) WriteHeader(status int) {
	if writer.status == 0 && status >= 200 {
		writer.status, writer.sent = status, writer.header.Clone()
	}
}

// Write takes a piece of the body.
func (writer *writer) Write(piece []byte) (int, error) {
	writer.WriteHeader(http.StatusOK)
	if writer.status == http.StatusNoContent || writer.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if writer.failed != nil {
		return 0, writer.failed
	}
	writer.held = append(writer.held, piece...)
	if len(writer.held) >= mostHeld {
		return len(piece), writer.FlushError()
	}
	return len(piece), nil
}

// WriteString is Write for a string.
func (writer *writer) WriteString(piece string) (int, error) { return writer.Write([]byte(piece)) }

// Flush sends what was written so far.
func (writer *writer) Flush() { _ = writer.FlushError() }

// FlushError is Flush for an http.ResponseController.
func (writer *writer) FlushError() error {
	writer.WriteHeader(http.StatusOK)
	if writer.failed == nil && !writer.isBegun {
		writer.failed = writer.result.Head(writer.head()...)
	}
	if writer.failed == nil && len(writer.held) > 0 {
		_, writer.failed = writer.result.Write(writer.held)
	}
	if writer.failed == nil {
		writer.result.Flush()
		writer.isBegun, writer.held = true, nil
	}
	return writer.failed
}

// head returns status, content type and headers. Without a content type, the first bytes tell it.
func (writer *writer) head() []codeactions.Option {
	headers := map[string]string{}
	for name, values := range writer.sent {
		if !strings.HasPrefix(name, http.TrailerPrefix) {
			headers[name] = strings.Join(values, ", ")
		}
	}
	contentType := headers["Content-Type"]
	delete(headers, "Content-Type")
	if contentType == "" {
		contentType = http.DetectContentType(writer.held)
	}
	return []codeactions.Option{
		codeactions.StatusCode(writer.status), codeactions.ContentType(contentType), codeactions.Headers(headers),
	}
}
