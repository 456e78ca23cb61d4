package stream

import (
	"errors"
	"fmt"
)

// Code is a kind of error, whatever the protocol; package web maps codes to HTTP statuses.
type Code string

// The codes. An error without one is Internal.
const (
	Invalid       Code = "invalid"        // malformed input
	Unprocessable Code = "unprocessable"  // well-formed, but a field is missing, empty or too long
	MediaType     Code = "media type"     // not a type accepted here
	TooLarge      Code = "too large"      // more bytes than a setting allows
	Forbidden     Code = "forbidden"      // not allowed for this caller
	NotFound      Code = "not found"      // no such thing
	NotAllowed    Code = "not allowed"    // not possible with this thing
	TooSlow       Code = "too slow"       // the request did not arrive in time
	Unavailable   Code = "unavailable"    // not possible at the moment; try again
	Broken        Code = "broken"         // the store cannot work until the process is restarted
	Full          Code = "full"           // a limit of the store is reached
	Internal      Code = "internal error" // a bug
)

// Error is an error that may be shown to the caller. Detail is a sentence that says what would be right, and names the
// setting if there is one. Input that it repeats is quoted as by %q.
type Error struct {
	Code   Code
	Detail string
}

// Error implements error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Errorf returns an *Error with that code and detail.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// AsError returns the Error in err's chain. Any other error becomes Internal, with a detail that reveals nothing.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Internal, Detail: "Something went wrong on the server; its log says what."}
}
