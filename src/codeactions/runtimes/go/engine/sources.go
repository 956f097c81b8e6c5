package codeactions

import (
	"bytes"
	"io"
	"reflect"
	"strings"
)

// source gives what an answer in pieces consists of, one piece after the other, until there is no more or send fails.
type source func(send func(piece any) error) error

// loaded returns what a reader has in memory, if that is at most so many bytes; any other value as it is.
func loaded(value any, most int) any {
	switch value.(type) {
	case *bytes.Buffer, *bytes.Reader, *strings.Reader:
		reader := value.(interface {
			io.Reader
			Len() int
		})
		if !reflect.ValueOf(value).IsNil() && reader.Len() <= most {
			content, _ := io.ReadAll(reader)
			return written(content)
		}
	}
	return value
}

// sourceOf returns the source that a value is; nil if the value is there as a whole.
func sourceOf(value any) source {
	if value == nil {
		return nil
	}
	kind := reflect.TypeOf(value)
	isFunction := kind.Kind() == reflect.Func
	if (isFunction || kind.Kind() == reflect.Pointer) && reflect.ValueOf(value).IsNil() {
		return nil
	}
	if reader, isReader := value.(io.Reader); isReader && !encodesItself(kind) {
		return func(send func(any) error) error { return sendRead(reader, send) }
	}
	// A channel is none: if the action never closes it, the run would wait until its time is over.
	if isFunction && kind.CanSeq() {
		return func(send func(any) error) error { return sendEach(reflect.ValueOf(value), send) }
	}
	if isFunction && kind.CanSeq2() && kind.In(0).In(1) == errorInterface {
		return func(send func(any) error) error { return sendEachOrError(reflect.ValueOf(value), send) }
	}
	return nil
}

func sendRead(reader io.Reader, send func(any) error) error {
	buffer := make([]byte, chunkBytes)
	for {
		count, err := reader.Read(buffer)
		if count > 0 {
			if err := send(written(buffer[:count])); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func sendEach(values reflect.Value, send func(any) error) error {
	for piece := range values.Seq() {
		if err := send(piece.Interface()); err != nil {
			return err
		}
	}
	return nil
}

// sendEachOrError stops at the first error, with which the source tells that it has failed.
func sendEachOrError(values reflect.Value, send func(any) error) error {
	for piece, failed := range values.Seq2() {
		if !failed.IsNil() {
			return failed.Interface().(error)
		}
		if err := send(piece.Interface()); err != nil {
			return err
		}
	}
	return nil
}
