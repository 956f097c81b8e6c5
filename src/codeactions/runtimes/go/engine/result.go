package codeactions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	text   = "text/plain; charset=utf-8"
	octets = "application/octet-stream"
	// The server refuses what is over these limits; told here, the action learns of it by an error.
	mostHeaders = 100
	nameLimit   = 256
	valueLimit  = 8192
)

var shortTypes = map[string]string{"text": text, "html": "text/html; charset=utf-8", "json": "application/json"}

// Result is the answer of the run. It may be set more than once; the last one counts.
type Result struct {
	isSet  bool
	answer answer
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

// ContentType is text, html, json or any MIME type.
func ContentType(name string) Option {
	return func(given *options) { given.contentType, given.hasType = name, true }
}

// Headers are further headers of the answer.
func Headers(headers map[string]string) Option {
	return func(given *options) { given.headers = headers }
}

// Set sets the result. A string is text, a []byte an octet stream, anything else JSON, unless ContentType says
// otherwise. With "json" strings are encoded too; with "application/json" a string goes out as it is. It returns an
// error, and changes nothing, when something cannot be sent.
func (result *Result) Set(value any, given ...Option) error {
	wanted := options{statusCode: 200}
	for _, option := range given {
		option(&wanted)
	}
	if wanted.statusCode < 200 || wanted.statusCode > 599 {
		return fmt.Errorf("the status code must be a whole number from 200 to 599, not %d", wanted.statusCode)
	}
	if wanted.hasType && !isHeaderValue(wanted.contentType) {
		return fmt.Errorf("the content type must be Latin-1 text without line breaks, at most %d characters, not %s",
			valueLimit, shown(wanted.contentType))
	}
	headers, err := headerPairs(wanted.headers)
	if err != nil {
		return err
	}
	body, contentType, err := encode(value, wanted.contentType)
	if err != nil {
		return err
	}
	if wanted.contentType != "" {
		contentType = wanted.contentType
		if full, short := shortTypes[contentType]; short {
			contentType = full
		}
	}
	result.isSet = true
	result.answer = answer{wanted.statusCode, contentType, headers, body}
	return nil
}

func encode(value any, contentType string) ([]byte, string, error) {
	if contentType != "json" {
		switch typed := value.(type) {
		case string:
			return []byte(typed), text, nil
		case []byte:
			return slices.Clone(typed), octets, nil
		}
		if contentType == "text" || contentType == "html" {
			return []byte(fmt.Sprint(value)), text, nil
		}
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, "", err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), shortTypes["json"], nil
}

func headerPairs(headers map[string]string) ([][2]string, error) {
	if len(headers) > mostHeaders {
		return nil, fmt.Errorf("a result may have at most %d headers, not %d", mostHeaders, len(headers))
	}
	pairs := [][2]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if !isToken(name) {
			return nil, fmt.Errorf("%s is no header name", shown(name))
		}
		if !isHeaderValue(headers[name]) {
			return nil, fmt.Errorf("the value of header %s must be Latin-1 text without line breaks, at most %d characters, not %s",
				name, valueLimit, shown(headers[name]))
		}
		pairs = append(pairs, [2]string{name, headers[name]})
	}
	return pairs, nil
}

func isToken(name string) bool {
	if name == "" || len(name) > nameLimit {
		return false
	}
	for _, letter := range name {
		alphanumeric := letter < 0x80 && (letter >= '0' && letter <= '9' || letter|0x20 >= 'a' && letter|0x20 <= 'z')
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", letter) {
			return false
		}
	}
	return true
}

func isHeaderValue(value string) bool {
	count := 0
	for _, letter := range value {
		count++
		if count > valueLimit || letter != '\t' && (letter < ' ' || letter > 0xff || letter == 0x7f) {
			return false
		}
	}
	return true
}

func shown(value string) string {
	quoted := fmt.Sprintf("%q", value)
	if len(quoted) > 100 {
		return quoted[:100] + "…"
	}
	return quoted
}
