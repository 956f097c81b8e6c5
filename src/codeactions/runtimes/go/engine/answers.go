package codeactions

import (
	"encoding/json"
	"fmt"
	"slices"
)

// result ends the run with its answer.
func (out *output) result(given answer) {
	out.mutex.Lock()
	out.finish()
	out.whole(given, map[string]any{"held_back": out.heldBack})
	exit(0)
}

// early sends a whole answer, after which the run goes on.
func (out *output) early(given answer) {
	out.mutex.Lock()
	defer out.mutex.Unlock()
	out.whole(given, map[string]any{"goes_on": true})
}

func (out *output) whole(given answer, more map[string]any) {
	if len(given.body) > out.limits.ResultBytes {
		out.fail("output_limit", fmt.Sprintf("the result has %d bytes; the limit is %d", len(given.body), out.limits.ResultBytes), "")
	}
	meta := out.head(given, more)
	out.put(frame(resultFrame, size(meta), meta, given.body))
}

// stream sends the head of an answer in pieces.
func (out *output) stream(given answer) {
	out.mutex.Lock()
	defer out.mutex.Unlock()
	meta := out.head(given, map[string]any{})
	out.put(frame(streamFrame, size(meta), meta))
}

func (out *output) head(given answer, more map[string]any) []byte {
	more["status_code"], more["content_type"], more["headers"] = given.statusCode, given.contentType, given.headers
	meta, _ := json.Marshal(more)
	if len(meta) > metaLimit {
		out.fail("output_limit", fmt.Sprintf("the result's headers are over %d bytes", metaLimit), "")
	}
	return meta
}

// chunks sends a piece of an answer. It waits until the client has taken what came before.
func (out *output) chunks(piece []byte) {
	out.mutex.Lock()
	defer out.mutex.Unlock()
	for part := range slices.Chunk(piece, chunkBytes) {
		out.put(frame(chunkFrame, part))
	}
}

// answered tells that an answer in pieces is whole, and the run goes on.
func (out *output) answered() {
	out.mutex.Lock()
	defer out.mutex.Unlock()
	out.put(frame(answeredFrame))
}

// end ends a run whose answer is out.
func (out *output) end() {
	out.mutex.Lock()
	out.finish()
	meta, _ := json.Marshal(map[string]any{"held_back": out.heldBack})
	out.put(frame(endFrame, size(meta), meta))
	exit(0)
}
