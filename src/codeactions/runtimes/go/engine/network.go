package codeactions

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// note returns what is to be added to an error of the network: the reason.
func note(raised any) string {
	err, isError := raised.(error)
	if !isError || os.Getpid() != 1 || !isOfNetwork(err) { // without walls, runs have the host's network
		return ""
	}
	return "; runs have no network"
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
