package codeactions

import "fmt"

// answer is what the run answers. contentType is in full, or "" while only the content can tell it.
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

// headOf returns an answer without a body. Of an option that is given twice, the last one counts.
func headOf(given ...Option) (answer, error) {
	wanted := options{statusCode: 200}
	for _, option := range given {
		option(&wanted)
	}
	if wanted.statusCode < 200 || wanted.statusCode > 599 {
		return answer{}, fmt.Errorf("the status code must be a whole number from 200 to 599, not %d", wanted.statusCode)
	}
	if wanted.hasType && !isHeaderValue(wanted.contentType) {
		return answer{}, fmt.Errorf("the content type must be text without line breaks, at most %d bytes, not %s",
			valueLimit, shown(wanted.contentType))
	}
	headers, err := headerPairs(wanted.headers)
	if err != nil {
		return answer{}, err
	}
	full := ""
	if wanted.contentType != "" {
		if full, err = fullType(wanted.contentType); err != nil {
			return answer{}, err
		}
	}
	return answer{wanted.statusCode, bytesOf(full), headers, []byte{}}, nil
}
