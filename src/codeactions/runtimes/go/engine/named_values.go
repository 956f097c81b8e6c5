package codeactions

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Values are the secrets of the project that this action may have, or its variables, by name. As text and as JSON they are
// their names alone, so that printing them, or what holds them, gives no secret away.
type Values struct {
	kind string
	// A function, since fmt cannot look into one: it would show a map, or what a pointer leads to, where it cannot call the
	// methods, which is in a field of the action's own that is not exported.
	held func() map[string]string
}

// valuesOf reads an object of JSON, which may be absent, when the action first asks for a value.
func valuesOf(kind string, content json.RawMessage) Values {
	return Values{kind, sync.OnceValue(func() map[string]string {
		var values map[string]string
		_ = json.Unmarshal(content, &values)
		return values
	})}
}

// Get returns the value of name. Without one it returns the default, if one is given, else "".
func (values Values) Get(name string, otherwise ...string) string {
	value, found := values.Lookup(name)
	if !found && len(otherwise) > 0 {
		return otherwise[0]
	}
	return value
}

// Lookup returns the value of name, and whether there is one.
func (values Values) Lookup(name string) (string, bool) {
	if values.held == nil {
		return "", false
	}
	value, found := values.held()[name]
	return value, found
}

// Has tells whether there is a value of name.
func (values Values) Has(name string) bool {
	_, found := values.Lookup(name)
	return found
}

// Keys returns the names in their order.
func (values Values) Keys() []string {
	names := []string{}
	if values.held != nil {
		names = slices.AppendSeq(names, maps.Keys(values.held()))
	}
	slices.Sort(names)
	return names
}

// Len counts the names.
func (values Values) Len() int { return len(values.Keys()) }

// String returns the names.
func (values Values) String() string {
	names := strings.Join(values.Keys(), ", ")
	if names == "" {
		names = "none"
	}
	return "[" + values.kind + ": " + names + "]"
}

// Format writes the names, whatever the verb.
func (values Values) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, values.String()) }

// MarshalJSON makes a list of the names.
func (values Values) MarshalJSON() ([]byte, error) { return marshal(values.Keys()) }
