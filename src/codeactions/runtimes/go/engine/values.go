package codeactions

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
)

var (
	marshalers     = []reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()}
	errorInterface = reflect.TypeFor[error]()
)

// toJSON returns a value as JSON. encoding/json does nearly all of it. What it would make {} of is an error in a value,
// which is sent as its text; and when it fails, search finds the place, or converts the keys that it does not know.
func toJSON(value any) ([]byte, error) {
	content, err := marshal(value)
	if err == nil && !hasError(value) { // in this order: what could be encoded has no circles
		return content, nil
	}
	plain, err := (&search{above: map[place]int{}}).plain(reflect.ValueOf(value))
	if err != nil {
		return nil, err
	}
	return marshal(plain)
}

func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// hasError tells whether there is an error in a value that encoding/json does not know how to encode.
func hasError(value any) bool {
	switch typed := value.(type) {
	case nil, string, bool, int, int64, float64, json.Number, []string, []int, []float64, map[string]string:
		return false
	case map[string]any:
		for _, one := range typed {
			if hasError(one) {
				return true
			}
		}
		return false
	case []any:
		for _, one := range typed {
			if hasError(one) {
				return true
			}
		}
		return false
	}
	kind := reflect.TypeOf(value)
	return mayHaveError(kind, map[reflect.Type]bool{}) && hasErrorIn(reflect.ValueOf(value))
}

// mayHaveError tells whether a value of a type may have an error in it.
func mayHaveError(kind reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[kind] || encodesItself(kind) {
		return false
	}
	seen[kind] = true
	if kind.Kind() == reflect.Interface || kind.Implements(errorInterface) {
		return true
	}
	switch kind.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return mayHaveError(kind.Elem(), seen)
	case reflect.Struct:
		for number := range kind.NumField() {
			if mayHaveError(kind.Field(number).Type, seen) {
				return true
			}
		}
	}
	return false
}

func encodesItself(kind reflect.Type) bool {
	return kind.Implements(marshalers[0]) || kind.Implements(marshalers[1])
}

func hasErrorIn(value reflect.Value) bool {
	if !value.IsValid() || encodesItself(value.Type()) {
		return false
	}
	if value.Kind() != reflect.Interface && value.Type().Implements(errorInterface) {
		return true
	}
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		return hasErrorIn(value.Elem())
	case reflect.Slice, reflect.Array:
		for number := range value.Len() {
			if hasErrorIn(value.Index(number)) {
				return true
			}
		}
	case reflect.Map:
		for entries := value.MapRange(); entries.Next(); {
			if hasErrorIn(entries.Value()) {
				return true
			}
		}
	case reflect.Struct:
		for number := range value.NumField() {
			if value.Type().Field(number).IsExported() && hasErrorIn(value.Field(number)) {
				return true
			}
		}
	}
	return false
}

// object is a JSON object whose members have an order.
type object []member

type member struct {
	name  string
	value any
}

func objectOf(pairs [][2]string) object {
	made := object{}
	for _, pair := range pairs {
		made = append(made, member{pair[0], pair[1]})
	}
	return made
}

// MarshalJSON encodes the members in their order.
func (members object) MarshalJSON() ([]byte, error) {
	made := []byte{'{'}
	for number, one := range members {
		if number > 0 {
			made = append(made, ',')
		}
		name, _ := marshal(one.name)
		content, err := marshal(one.value)
		if err != nil {
			return nil, err
		}
		made = append(append(append(made, name...), ':'), content...)
	}
	return append(made, '}'), nil
}
