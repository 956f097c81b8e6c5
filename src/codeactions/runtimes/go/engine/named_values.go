package codeactions

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// Secrets are the project's secrets that this action may have, by name. As text and as JSON they are their names alone, so
// that printing them, or what holds them, gives none away.
type Secrets struct{ namedValues }

// Variables are the project's variables, by name: plain values beside the secrets.
type Variables struct{ namedValues }

// namedValues holds a function, since fmt cannot look into one: it would show a map, or what a pointer leads to, where it
// cannot call the methods, which is in a field of the action's own that is not exported.
type namedValues struct{ held func() map[string]string }

func hold(values map[string]string) namedValues {
	return namedValues{func() map[string]string { return values }}
}

// Get returns the value of name. Without one it returns the default, if one is given, else "".
func (values namedValues) Get(name string, otherwise ...string) string {
	value, found := values.Lookup(name)
	if !found && len(otherwise) > 0 {
		return otherwise[0]
	}
	return value
}

// Lookup returns the value of name, and whether there is one.
func (values namedValues) Lookup(name string) (string, bool) {
	if values.held == nil {
		return "", false
	}
	value, found := values.held()[name]
	return value, found
}

// Has tells whether there is a value of name.
func (values namedValues) Has(name string) bool {
	_, found := values.Lookup(name)
	return found
}

// Keys returns the names in their order.
func (values namedValues) Keys() []string {
	names := []string{}
	if values.held != nil {
		names = slices.AppendSeq(names, maps.Keys(values.held()))
	}
	slices.Sort(names)
	return names
}

// Len counts the names.
func (values namedValues) Len() int { return len(values.Keys()) }

// String returns the names.
func (secrets Secrets) String() string { return "[" + strings.Join(secrets.Keys(), " ") + "]" }

// Format writes the names, whatever the verb.
func (secrets Secrets) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, secrets.String())
}

// MarshalJSON makes a list of the names.
func (secrets Secrets) MarshalJSON() ([]byte, error) { return marshal(secrets.Keys()) }

// Items returns name and value of each variable, in the order of the names.
func (variables Variables) Items() [][2]string {
	items := [][2]string{}
	for _, name := range variables.Keys() {
		items = append(items, [2]string{name, variables.Get(name)})
	}
	return items
}

// String returns names and values.
func (variables Variables) String() string { return fmt.Sprint(variables.Items()) }

// MarshalJSON makes an object of them.
func (variables Variables) MarshalJSON() ([]byte, error) {
	return objectOf(variables.Items()).MarshalJSON()
}

// setEnvironment sets those values that are environment variables as well.
func setEnvironment(values map[string]string) {
	for name, value := range values {
		_ = os.Setenv(name, value) // fails for names that the server does not send
	}
}
