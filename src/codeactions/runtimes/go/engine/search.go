package codeactions

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const shownSteps = 12 // of a path; of a longer one the beginning and the end are shown

// place identifies a container that may lead to itself.
type place struct {
	kind    reflect.Type
	pointer uintptr
	length  int
}

// search goes through a value that encoding/json does not encode as it is meant, and knows at each moment where it is.
type search struct {
	path  []string
	above map[place]int // how many steps lead to each container above
}

func (search *search) fail(format string, arguments ...any) error {
	return errors.New(search.where(len(search.path)) + " " + fmt.Sprintf(format, arguments...))
}

func (search *search) where(steps int) string {
	path := search.path[:steps]
	if len(path) > shownSteps {
		path = slices.Concat(path[:shownSteps/2], []string{" … "}, path[len(path)-shownSteps/2:])
	}
	return "result" + strings.Join(path, "")
}

// plain returns a value made of what JSON has, or an error that names the place of what it has not.
func (search *search) plain(value reflect.Value) (any, error) {
	if !value.IsValid() {
		return nil, nil
	}
	if value.CanAddr() && encodesItself(reflect.PointerTo(value.Type())) {
		value = value.Addr()
	}
	kind := value.Kind()
	isNil := (kind == reflect.Pointer || kind == reflect.Interface) && value.IsNil()
	if isNil {
		return nil, nil
	}
	if kind != reflect.Interface && encodesItself(value.Type()) {
		if _, err := marshal(value.Interface()); err != nil {
			return nil, search.fail("cannot be sent: %s", err)
		}
		return value.Interface(), nil
	}
	if kind != reflect.Interface && value.Type().Implements(errorInterface) {
		return value.Interface().(error).Error(), nil
	}
	switch kind {
	case reflect.Float32, reflect.Float64:
		if number := value.Float(); math.IsNaN(number) || math.IsInf(number, 0) {
			return nil, search.fail("is %s, which JSON does not have", numberText(number))
		}
	case reflect.Complex64, reflect.Complex128, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return nil, search.fail("is a %s, which JSON does not have", value.Type())
	case reflect.Interface:
		return search.plain(value.Elem())
	case reflect.Pointer:
		return search.within(value, 0, func() (any, error) { return search.plain(value.Elem()) })
	case reflect.Map:
		return search.within(value, 0, func() (any, error) { return search.entries(value) })
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return value.Interface(), nil
		}
		return search.within(value, value.Len(), func() (any, error) { return search.elements(value) })
	case reflect.Array:
		return search.elements(value)
	case reflect.Struct:
		return search.fields(value)
	}
	return value.Interface(), nil
}

// within makes a container plain, unless it leads to itself.
func (search *search) within(value reflect.Value, length int, make func() (any, error)) (any, error) {
	if value.IsNil() {
		return nil, nil
	}
	mark := place{value.Type(), value.Pointer(), length}
	if steps, found := search.above[mark]; found {
		return nil, search.fail("is %s itself: JSON has no circles", search.where(steps))
	}
	search.above[mark] = len(search.path)
	made, err := make()
	delete(search.above, mark)
	return made, err
}

func (search *search) below(step string, value reflect.Value) (any, error) {
	search.path = append(search.path, step)
	made, err := search.plain(value)
	search.path = search.path[:len(search.path)-1]
	return made, err
}

func (search *search) elements(list reflect.Value) (any, error) {
	made := make([]any, list.Len())
	for number := range made {
		one, err := search.below(fmt.Sprintf("[%d]", number), list.Index(number))
		if err != nil {
			return nil, err
		}
		made[number] = one
	}
	return made, nil
}

func (search *search) entries(table reflect.Value) (any, error) {
	made := make(map[string]any, table.Len())
	for entries := table.MapRange(); entries.Next(); {
		key, err := search.key(entries.Key())
		if err != nil {
			return nil, err
		}
		if made[key], err = search.below(stepTo(key), entries.Value()); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// key returns a map's key as text.
func (search *search) key(key reflect.Value) (string, error) {
	for key.Kind() == reflect.Interface && !key.IsNil() {
		key = key.Elem()
	}
	if key.Kind() == reflect.String {
		return key.String(), nil
	}
	if text, is := key.Interface().(encoding.TextMarshaler); is {
		content, err := text.MarshalText()
		return string(content), err
	}
	switch {
	case key.CanInt():
		return strconv.FormatInt(key.Int(), 10), nil
	case key.CanUint():
		return strconv.FormatUint(key.Uint(), 10), nil
	case key.Kind() == reflect.Bool:
		return strconv.FormatBool(key.Bool()), nil
	case key.Kind() == reflect.Interface:
		return "null", nil
	case key.CanFloat():
		content, err := marshal(key.Float())
		if err != nil {
			return "", search.fail("has the key %s, which JSON does not have", numberText(key.Float()))
		}
		return string(content), nil
	}
	return "", search.fail("has a key that is a %s: JSON has only texts as keys", key.Type())
}

// fields makes an object of a struct, by the rules and the tags of encoding/json.
func (search *search) fields(value reflect.Value) (any, error) {
	made, depths := object{}, map[string]int{}
	for _, field := range reflect.VisibleFields(value.Type()) {
		name, flags, tagged := nameOf(field)
		isInlined := field.Anonymous && name == "" && structOf(field.Type).Kind() == reflect.Struct
		if isInlined || tagged == "-" || !field.IsExported() || isWithinNamed(value.Type(), field.Index) {
			continue
		}
		if name == "" {
			name = field.Name
		}
		content, err := value.FieldByIndexErr(field.Index)
		if err != nil || strings.Contains(flags, "omitempty") && isEmpty(content) || strings.Contains(flags, "omitzero") && content.IsZero() {
			continue
		}
		if depth, found := depths[name]; found && depth <= len(field.Index) {
			continue
		}
		depths[name] = len(field.Index)
		one, err := search.below(stepTo(name), content)
		if err != nil {
			return nil, err
		}
		if strings.Contains(flags, ",string") && (content.CanInt() || content.CanUint() || content.CanFloat() || content.Kind() == reflect.Bool) {
			quoted, _ := marshal(one)
			one = string(quoted)
		}
		made = append(made, member{name, one})
	}
	return made, nil
}

func nameOf(field reflect.StructField) (name, flags, tag string) {
	tag = field.Tag.Get("json")
	name, flags, _ = strings.Cut(tag, ",")
	return name, "," + flags, tag
}

func structOf(kind reflect.Type) reflect.Type {
	if kind.Kind() == reflect.Pointer {
		return kind.Elem()
	}
	return kind
}

// isWithinNamed tells whether a field is one of an embedded struct that is an object of its own, since its tag names it.
func isWithinNamed(kind reflect.Type, index []int) bool {
	for length := 1; length < len(index); length++ {
		if name, _, _ := nameOf(kind.FieldByIndex(index[:length])); name != "" {
			return true
		}
	}
	return false
}

func isEmpty(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return value.Len() == 0
	case reflect.Struct:
		return false
	}
	return value.IsZero()
}

func numberText(number float64) string {
	switch {
	case math.IsNaN(number):
		return "NaN"
	case number > 0:
		return "Infinity"
	}
	return "-Infinity"
}

// stepTo returns how a path goes on to a key: `.name`, or `["any text"]`.
func stepTo(key string) string {
	isName := key != ""
	for number, letter := range key {
		isDigit := number > 0 && letter >= '0' && letter <= '9'
		isName = isName && (letter == '_' || isDigit || letter < utf8.RuneSelf && letter|0x20 >= 'a' && letter|0x20 <= 'z')
	}
	if isName {
		return "." + key
	}
	if letters := []rune(key); len(letters) > 40 {
		key = string(letters[:40])
	}
	quoted, _ := marshal(key)
	return "[" + string(quoted) + "]"
}
