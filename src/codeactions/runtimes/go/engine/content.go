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
	plainText  = "text/plain; charset=utf-8"
	octets     = "application/octet-stream"
	jsonType   = "application/json"
	linesType  = "application/x-ndjson"
	eventsType = "text/event-stream"
	// The server refuses what is over these limits; told here, the action learns of it by an error.
	mostHeaders = 100
	nameLimit   = 256
	valueLimit  = 8192
)

// written are bytes that the action has not called text or an octet stream: their content tells.
type written []byte

func encode(value any) ([]byte, string, error) {
	switch typed := value.(type) {
	case string:
		return []byte(typed), plainText, nil
	case []byte:
		return slices.Clone(typed), octets, nil
	case written:
		return typed, naturalType(typed), nil
	}
	if isText(value) {
		return []byte(reflect.ValueOf(value).String()), plainText, nil
	}
	body, err := toJSON(value)
	return body, jsonType, err
}

// encodePiece is encode for a piece of an answer of which the content type is known, or "".
func encodePiece(piece any, contentType string) ([]byte, string, error) {
	body, natural, err := encode(piece)
	if err != nil || natural != jsonType {
		return body, natural, err
	}
	if kind, _, _ := strings.Cut(contentType, ";"); strings.EqualFold(strings.TrimSpace(kind), eventsType) {
		return slices.Concat([]byte("data: "), body, []byte("\n\n")), eventsType, nil
	}
	return append(body, '\n'), linesType, nil
}

// naturalType calls bytes text if they are, but for a last character that may be cut; else an octet stream.
func naturalType(body []byte) string {
	for len(body) > 0 && utf8.FullRune(body) {
		letter, size := utf8.DecodeRune(body)
		isControl := letter < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", letter)
		if isControl || letter == utf8.RuneError && size == 1 {
			return octets
		}
		body = body[size:]
	}
	return plainText
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
