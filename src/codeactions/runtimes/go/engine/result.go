package codeactions

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	plainText = "text/plain; charset=utf-8"
	octets    = "application/octet-stream"
	jsonType  = "application/json"
	// The server refuses what is over these limits; told here, the action learns of it by an error.
	mostHeaders = 100
	nameLimit   = 256
	valueLimit  = 8192
)

// Result is the answer of the run. It may be set more than once; the last one counts.
type Result struct {
	isSet  bool
	answer answer
	failed error // of the last Set
}

type answer struct {
	statusCode  int
	contentType string
	headers     [][2]string
	body        []byte
}

// Option is a further part of an answer: StatusCode, ContentType or Headers.
type Option func(*options)

type options struct {
	statusCode  int
	contentType string
	hasType     bool
	headers     map[string]string
}

// StatusCode is the HTTP status, 200 to 599.
func StatusCode(code int) Option { return func(given *options) { given.statusCode = code } }

// ContentType is a short name such as text, json, html or pdf, or any MIME type.
func ContentType(name string) Option {
	return func(given *options) { given.contentType, given.hasType = name, true }
}

// Headers are further headers of the answer.
func Headers(headers map[string]string) Option {
	return func(given *options) { given.headers = headers }
}

// Set sets the result. A string goes out as it is, and so does a []byte; anything else goes out as JSON. ContentType only
// says what it is called; without it, a string is text and a []byte an octet stream. A value that JSON has as a text, such
// as a time, goes out without quotes if its type is given and is not JSON. Set returns an error, and changes nothing, when
// something cannot be sent. A run that ignores this error, and sets nothing else, fails with it.
func (result *Result) Set(value any, given ...Option) error {
	result.failed = result.set(value, given)
	return result.failed
}

func (result *Result) set(value any, given []Option) error {
	wanted := options{statusCode: 200}
	for _, option := range given {
		option(&wanted)
	}
	if wanted.statusCode < 200 || wanted.statusCode > 599 {
		return fmt.Errorf("the status code must be a whole number from 200 to 599, not %d", wanted.statusCode)
	}
	if wanted.hasType && !isHeaderValue(wanted.contentType) {
		return fmt.Errorf("the content type must be text without line breaks, at most %d bytes, not %s",
			valueLimit, shown(wanted.contentType))
	}
	headers, err := headerPairs(wanted.headers)
	if err != nil {
		return err
	}
	body, contentType, err := encode(value)
	if err != nil {
		return err
	}
	if wanted.contentType != "" {
		isQuoted := contentType == jsonType && body[0] == '"'
		if contentType, err = fullType(wanted.contentType); err != nil {
			return err
		}
		if isQuoted && !isJSON(contentType) {
			var text string
			_ = json.Unmarshal(body, &text)
			body = []byte(text)
		}
	}
	result.isSet = true
	result.answer = answer{wanted.statusCode, bytesOf(contentType), headers, body}
	return nil
}

func encode(value any) ([]byte, string, error) {
	switch typed := value.(type) {
	case string:
		return []byte(typed), plainText, nil
	case []byte:
		return slices.Clone(typed), octets, nil
	}
	if isText(value) {
		return []byte(reflect.ValueOf(value).String()), plainText, nil
	}
	body, err := toJSON(value)
	return body, jsonType, err
}

// isText tells whether a value is a string of a type of its own.
func isText(value any) bool {
	if _, isNumber := value.(json.Number); isNumber || value == nil {
		return false
	}
	kind := reflect.TypeOf(value)
	return kind.Kind() == reflect.String && !encodesItself(kind) && !kind.Implements(errorInterface)
}

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return strings.HasSuffix(kind, "/json") || strings.HasSuffix(kind, "+json")
}

func headerPairs(headers map[string]string) ([][2]string, error) {
	if len(headers) > mostHeaders {
		return nil, fmt.Errorf("a result may have at most %d headers, not %d", mostHeaders, len(headers))
	}
	pairs := [][2]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if len(name) > nameLimit || !isToken(name) {
			return nil, fmt.Errorf("%s is no header name", shown(name))
		}
		if !isHeaderValue(headers[name]) {
			return nil, fmt.Errorf("the value of header %s must be text without line breaks, at most %d bytes, not %s",
				name, valueLimit, shown(headers[name]))
		}
		pairs = append(pairs, [2]string{name, bytesOf(headers[name])})
	}
	return pairs, nil
}

// isToken tells whether HTTP takes a word as the name of a header, or as either part of a MIME type.
func isToken(word string) bool {
	for _, letter := range word {
		alphanumeric := letter < 0x80 && (letter >= '0' && letter <= '9' || letter|0x20 >= 'a' && letter|0x20 <= 'z')
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", letter) {
			return false
		}
	}
	return word != ""
}

func isHeaderValue(value string) bool {
	for _, letter := range value {
		if letter != '\t' && (letter < ' ' || letter == 0x7f) {
			return false
		}
	}
	return len(value) <= valueLimit && utf8.ValidString(value)
}

// bytesOf returns a header's value with a character for each of its bytes, as the protocol has it.
func bytesOf(value string) string {
	letters := make([]rune, len(value))
	for number := range len(value) {
		letters[number] = rune(value[number])
	}
	return string(letters)
}

func shown(value string) string {
	quoted := fmt.Sprintf("%q", value)
	if len(quoted) > 100 {
		return quoted[:100] + "…"
	}
	return quoted
}
