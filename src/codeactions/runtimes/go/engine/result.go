package codeactions

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
)

// Result is the answer of the run. It may be set more than once; the last one counts. Or it is written, in pieces that go
// out as they come. If an action ignores that something cannot be sent, and sends nothing else, its run fails with it.
type Result struct {
	out     *output
	mutex   sync.Mutex
	given   []Option // to Head
	answer  answer   // without a content type as long as none is given
	isSet   bool
	isBegun bool  // the head is out, and pieces follow
	isOut   bool  // nothing more can be set or written
	failed  error // why the last call sent nothing
	isLost  bool  // whether that matters even if there is an answer: it is not the one that was meant
	isTold  bool  // that something came too late
}

// Set sets the result. A string goes out as it is, and so does a []byte; anything else goes out as JSON. ContentType only
// says what it is called; without it, a string is text and a []byte an octet stream. A value that JSON has as a text, such
// as a time, goes out without quotes if its type is given and is not JSON. Set returns an error, and changes nothing, when
// something cannot be sent.
//
// What an io.Reader, an iter.Seq, or an iter.Seq2 of values and errors gives goes out as it comes, and Set returns when that
// is all. A string or a []byte goes out as it is, anything else as a line of JSON, or as an event if the
// content type is text/event-stream. After that, the result cannot be set again.
func (result *Result) Set(value any, given ...Option) error {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	switch {
	case result.isOut || result.isBegun && result.isSet:
		return result.lose("engine.Result.Set comes too late: the answer has gone out")
	case result.isBegun:
		return result.lose("engine.Result.Set after engine.Result.Write: a result is either set or written")
	}
	return result.done(result.set(value, given))
}

// Head says how the answer begins that is written, or that Set is given without options of its own.
func (result *Result) Head(given ...Option) error {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	switch {
	case result.isOut:
		return result.lose("engine.Result.Head comes too late: the answer has gone out")
	case result.isBegun:
		return result.lose("engine.Result.Head comes too late: the head of the answer has gone out")
	case result.isSet:
		return result.lose("engine.Result.Head comes too late: engine.Result.Set has set a head with its value")
	}
	head, err := headOf(given...)
	if err == nil {
		result.given, result.answer = slices.Clone(given), head
	}
	return result.done(err)
}

// Write sends a piece of the answer at once; the first one sends the head. Without a content type, the answer is text if
// its first piece is, else an octet stream. Write waits while the client takes no more.
func (result *Result) Write(piece []byte) (int, error) {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	switch {
	case result.isOut:
		return 0, result.lose("engine.Result.Write comes too late: the answer has gone out")
	case result.isSet:
		return 0, result.lose("engine.Result.Write after engine.Result.Set: a result is either set or written")
	case result.failed != nil && !result.isBegun && !result.isLost: // of the head
		return 0, result.failed
	}
	contentType := ""
	if !result.isBegun {
		contentType = naturalType(piece)
	}
	result.send(piece, contentType)
	return len(piece), result.done(nil)
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

func (result *Result) done(err error) error {
	result.failed, result.isLost = err, false
	return err
}

// lose notes what the action cannot send any more. Once the answer is out, that can only be told in the log.
func (result *Result) lose(message string) error {
	err := errors.New(message)
	if !result.isOut {
		result.failed, result.isLost = err, true
	} else if !result.isTold {
		result.isTold = true
		result.out.line("warning", message)
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
	if err != nil && !result.isBegun {
		result.answer, result.isSet = answerBefore, wasSet
	} else {
		result.isSet = err == nil
	}
	return err
}

// pull sends what comes of a source, which may use the result itself, or panic.
func (result *Result) pull(source source, contentType string) error {
	result.mutex.Unlock()
	defer result.mutex.Lock()
	return source(func(piece any) error {
		body, natural, err := encodePiece(piece, contentType)
		if err == nil {
			result.mutex.Lock()
			defer result.mutex.Unlock()
			result.send(body, natural)
		}
		return err
	})
}

func (result *Result) send(piece []byte, contentType string) {
	if len(piece) > 0 && !result.isOut { // a goroutine may be at it when Run is done
		result.begin(contentType)
		result.out.chunks(piece)
	}
}

func (result *Result) begin(contentType string) {
	if !result.isBegun {
		result.callIt(contentType)
		result.isBegun = true
		result.out.stream(result.answer)
	}
}

// callIt gives the answer its content type, unless the action has.
func (result *Result) callIt(contentType string) {
	if result.answer.contentType == "" {
		result.answer.contentType = contentType
	}
}

// close lets nothing more be set or written. It returns why the answer is not the one that was meant; an empty one, for
// example, would hide that the action gave one.
func (result *Result) close() error {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	result.isOut = true
	result.callIt(plainText)
	if result.isSet && !result.isLost {
		return nil
	}
	return result.failed
}

// goOut has the whole answer go out while the run goes on.
func (result *Result) goOut() {
	if result.isBegun {
		result.out.answered()
	} else {
		result.out.early(result.answer)
	}
}

// isGiven tells whether the action has given an answer already.
func (result *Result) isGiven() bool {
	result.mutex.Lock()
	defer result.mutex.Unlock()
	return result.isSet || result.isBegun
}
