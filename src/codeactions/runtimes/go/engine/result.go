package codeactions

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
)

var (
	errHasHead = errors.New("engine.Result.Set has set the answer; give it the status, content type and headers")
	errIsSet   = errors.New("engine.Result.Set has set the answer; nothing can be written to it")
	errBegun   = errors.New("the answer has begun to go out; it cannot be set any more")
	errIsOut   = errors.New("the answer is out; it cannot be changed any more")
)

// Result is the answer of the run. It may be set more than once; the last one counts. Or it goes out in pieces.
type Result struct {
	out     *output
	mutex   sync.Mutex
	given   []Option // to Head
	answer  answer   // without a content type as long as none is given
	isSet   bool
	isBegun bool  // the head is out, and pieces follow
	isOut   bool  // nothing more can be set or written
	failed  error // of the last Set or Head
	broken  error // the first one of an answer that is lost by it
}

// Set sets the result. A string goes out as it is, and so does a []byte; anything else goes out as JSON. ContentType only
// says what it is called; without it, a string is text and a []byte an octet stream. A value that JSON has as a text, such
// as a time, goes out without quotes if its type is given and is not JSON. Set returns an error, and changes nothing, when
// something cannot be sent. A run that ignores this error, and sets nothing else, fails with it.
//
// An io.Reader, an iter.Seq, an iter.Seq2 of values and errors, or a channel is read to its end at once, and what comes of
// it goes out as it comes: a string or a []byte as it is, anything else as a line of JSON, or as an event if the content type
// is text/event-stream. After that, the result cannot be set again.
func (result *Result) Set(value any, given ...Option) error {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	if err := result.refusal(errBegun); err != nil {
		return err
	}
	result.failed = result.set(value, given)
	return result.failed
}

// Head says how the answer begins that Write makes, or that Set is given without options of its own.
func (result *Result) Head(given ...Option) error {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	err := result.refusal(errBegun)
	if err == nil && result.isSet {
		err = result.lost(errHasHead)
	}
	if err != nil {
		return err
	}
	head, err := headOf(given...)
	result.failed = err
	if err == nil {
		result.given, result.answer = slices.Clone(given), head
	}
	return err
}

// Write sends a piece of the answer at once; the first one sends the head. Without a content type, it is text if the first
// piece is, else an octet stream. A run that ignores an error of Write fails with it.
func (result *Result) Write(piece []byte) (int, error) {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	if err := result.writable(); err != nil {
		return 0, err
	}
	contentType := ""
	if !result.isBegun {
		contentType = naturalType(piece)
	}
	result.send(piece, contentType)
	return len(piece), nil
}

// WriteString is Write for a string.
func (result *Result) WriteString(piece string) (int, error) { return result.Write([]byte(piece)) }

// Flush sends the head, if nothing was written yet. What was written is on its way already.
func (result *Result) Flush() {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	if !result.isSet && !result.isOut && result.failed == nil {
		result.begin(plainText)
	}
}

func (result *Result) writable() error {
	switch {
	case result.isSet:
		return result.lost(errIsSet)
	case !result.isBegun && result.failed != nil:
		return result.failed // of the head
	}
	return result.refusal(nil)
}

// refusal returns why the answer cannot be changed any more; begun is the reason if it has begun.
func (result *Result) refusal(begun error) error {
	switch {
	case result.isOut:
		return result.lost(errIsOut)
	case result.isBegun:
		return result.lost(begun)
	}
	return nil
}

// lost notes that the action cannot send what it wanted to. The run fails with it, even if the action ignores it.
func (result *Result) lost(err error) error {
	if result.broken == nil {
		result.broken = err
	}
	return err
}

func (result *Result) set(value any, given []Option) error {
	head, err := headOf(slices.Concat(result.given, given)...)
	if err != nil {
		return err
	}
	value = loaded(value, result.out.limits.ResultBytes)
	if source := sourceOf(value); source != nil {
		return result.sendAll(source, head)
	}
	body, contentType, err := encode(value)
	if err != nil {
		return err
	}
	if head.contentType == "" {
		head.contentType = contentType
	} else if contentType == jsonType && body[0] == '"' && !isJSON(head.contentType) {
		var text string
		_ = json.Unmarshal(body, &text)
		body = []byte(text)
	}
	head.body = body
	result.isSet, result.answer = true, head
	return nil
}

// sendAll sends what comes of a source. If that is nothing, the answer is an empty one.
func (result *Result) sendAll(source source, head answer) error {
	answerBefore, wasSet := result.answer, result.isSet
	result.answer, result.isSet = head, false
	err := result.pull(source, head.contentType)
	switch {
	case err == nil:
		result.isSet = true
	case !result.isBegun:
		result.answer, result.isSet = answerBefore, wasSet
	default:
		return result.lost(err)
	}
	return err
}

// pull sends what comes of a source, which may use the result itself, or panic.
func (result *Result) pull(source source, contentType string) error {
	result.mutex.Unlock()
	defer result.mutex.Lock()
	return source(func(piece any) error {
		body, natural, err := encodePiece(piece, contentType)
		if err != nil {
			return err
		}
		result.mutex.Lock()
		defer result.mutex.Unlock()
		if result.isOut {
			return errIsOut
		}
		result.send(body, natural)
		return nil
	})
}

func (result *Result) send(piece []byte, contentType string) {
	if len(piece) > 0 {
		result.begin(contentType)
		result.out.chunks(piece)
	}
}

func (result *Result) begin(contentType string) {
	if !result.isBegun {
		result.typed(contentType)
		result.isBegun = true
		result.out.stream(result.answer)
	}
}

func (result *Result) typed(contentType string) {
	if result.answer.contentType == "" {
		result.answer.contentType = contentType
	}
}

// close lets nothing more be set or written. It returns why the answer cannot be what the action wanted it to be.
func (result *Result) close() error {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	result.isOut = true
	result.typed(plainText)
	if result.failed != nil && !result.isSet && !result.isBegun {
		return result.failed // an empty answer would hide that the action gave one
	}
	return result.broken
}

// isGiven tells whether the action has given an answer already.
func (result *Result) isGiven() bool {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	return result.isSet || result.isBegun
}
