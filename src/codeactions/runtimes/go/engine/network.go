package codeactions

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// What an error of the network says, also where only its text is left of it, as after fmt.Errorf("%v", err).
var signs = []string{
	"network is unreachable", "no route to host", " on [::1]:53: ", " on 127.0.0.1:53: ",
}

// note returns what is to be added to an error of the network, or to its text: the reason. message is the text.
func note(raised any, message string) string {
	if os.Getpid() != 1 { // without walls, runs have the host's network
		return ""
	}
	err, isError := raised.(error)
	isOf := func(sign string) bool { return strings.Contains(message, sign) }
	if isError && isOfNetwork(err) || slices.ContainsFunc(signs, isOf) {
		return "; runs have no network"
	}
	return ""
}

// isOfNetwork tells whether an error, or one inside it, is of a look-up or of a connection that has no way. The package
// net is not imported, which would be in every program.
func isOfNetwork(err error) bool {
	if errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) {
		return true
	}
	if fmt.Sprintf("%T", err) == "*net.DNSError" {
		return true
	}
	switch typed := err.(type) {
	case interface{ Unwrap() error }:
		if inner := typed.Unwrap(); inner != nil {
			return isOfNetwork(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range typed.Unwrap() {
			if inner != nil && isOfNetwork(inner) {
				return true
			}
		}
	}
	return false
}
