// Package web makes a request of net/http out of an action's call, with all that such a request can do: ParseForm,
// ParseMultipartForm, FormFile, Cookie, BasicAuth. It has handlers of net/http answer a call.
//
// It is a package of its own, since net/http makes a program nearly twice as large.
package web

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"codeactions"
)

// Request returns the call as an *http.Request. Its URL has the path that follows the code's id.
func Request(engine *codeactions.Engine) *http.Request {
	given := &engine.Request
	header := http.Header{}
	for _, pair := range given.Header.Items() {
		for _, value := range given.Header.All(pair[0]) {
			header.Add(pair[0], value)
		}
	}
	host := header.Get("Host")
	header.Del("Host") // net/http has it in a field alone
	uri := given.RawPath
	if given.RawQuery != "" {
		uri += "?" + given.RawQuery
	}
	return &http.Request{
		Method:        given.Method,
		URL:           &url.URL{Path: given.Path, RawPath: given.RawPath, RawQuery: given.RawQuery},
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(given.Content)),
		ContentLength: int64(len(given.Content)),
		Host:          host,
		RequestURI:    uri,
	}
}
