// Package codeactions is the engine: an action is written against it, and its Run is given one.
//
//	package action
//
//	import "codeactions"
//
//	func Run(engine *codeactions.Engine) error {
//		engine.Log.Info("hello")
//		return engine.Result.Set(map[string]any{"hello": engine.Params.Get("name")})
//	}
package codeactions

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Engine tells an action all about its call, and takes its answer.
type Engine struct {
	// Params are the query parameters.
	Params Params
	// Header holds the request's headers; names are looked up in any case.
	Header Header
	// Body is the request's body as text, by its charset or as UTF-8; bytes that are none are U+FFFD. Request.Content has
	// the bytes.
	Body    string
	Request Request
	// Secrets and Variables are those of the project that this action may have. Most are environment variables as well.
	Secrets, Variables Values
	Log                *Log
	Result             *Result
	background         *background
}

// Request is the HTTP request that the run answers. The package codeactions/web makes an *http.Request of it.
type Request struct {
	Method string
	// Path is what follows the code's id in the URL. RawPath is the same as it was sent, percent-encoded.
	Path, RawPath string
	// RawQuery is the query string as it was sent.
	RawQuery string
	Params   Params
	Header   Header
	Content  []byte
	text     []byte // the body in UTF-8
}

// JSON reads the body as JSON into target.
func (request *Request) JSON(target any) error {
	return json.Unmarshal(bytes.TrimPrefix(request.text, []byte("\xef\xbb\xbf")), target)
}

// Params are names with values, in order. Of a repeated name the first value counts; All returns every value.
type Params struct{ pairs [][2]string }

// Get returns the first value of name, or "".
func (params Params) Get(name string) string {
	value, _ := params.Lookup(name)
	return value
}

// Lookup returns the first value of name, and whether there is one.
func (params Params) Lookup(name string) (string, bool) {
	return lookup(params.pairs, name, equal)
}

// All returns every value of name, in order.
func (params Params) All(name string) []string { return all(params.pairs, name, equal) }

// Items returns name and first value of each parameter, in order.
func (params Params) Items() [][2]string { return items(params.pairs, equal) }

// Len counts the names.
func (params Params) Len() int { return len(params.Items()) }

// MarshalJSON makes an object of them: each name with its first value.
func (params Params) MarshalJSON() ([]byte, error) { return objectOf(params.Items()).MarshalJSON() }

// Header holds the request's headers. It is looked up as Params are, but a name may be in any case.
type Header struct{ pairs [][2]string }

// Get returns the first value of the header, or "".
func (header Header) Get(name string) string {
	value, _ := header.Lookup(name)
	return value
}

// Lookup returns the first value of the header, and whether there is one.
func (header Header) Lookup(name string) (string, bool) {
	return lookup(header.pairs, name, strings.EqualFold)
}

// All returns every value of the header, in order.
func (header Header) All(name string) []string { return all(header.pairs, name, strings.EqualFold) }

// Items returns name and first value of each header, in order.
func (header Header) Items() [][2]string { return items(header.pairs, strings.EqualFold) }

// Len counts the names.
func (header Header) Len() int { return len(header.Items()) }

// MarshalJSON makes an object of them: each name with its first value.
func (header Header) MarshalJSON() ([]byte, error) { return objectOf(header.Items()).MarshalJSON() }

func equal(one, other string) bool { return one == other }

func lookup(pairs [][2]string, name string, same func(string, string) bool) (string, bool) {
	for _, pair := range pairs {
		if same(pair[0], name) {
			return pair[1], true
		}
	}
	return "", false
}

func all(pairs [][2]string, name string, same func(string, string) bool) []string {
	values := []string{}
	for _, pair := range pairs {
		if same(pair[0], name) {
			values = append(values, pair[1])
		}
	}
	return values
}

func items(pairs [][2]string, same func(string, string) bool) [][2]string {
	found := [][2]string{}
	for _, pair := range pairs {
		if _, seen := lookup(found, pair[0], same); !seen {
			found = append(found, pair)
		}
	}
	return found
}
