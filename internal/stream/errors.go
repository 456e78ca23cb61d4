package stream

import (
	"errors"
	"fmt"
)

// Code says what kind of thing went wrong, in terms that hold whatever the protocol; package web has the one table to
// HTTP statuses.
type Code string

// The codes. Whatever carries none of them is Internal.
const (
	Invalid       Code = "invalid"        // malformed input
	Unprocessable Code = "unprocessable"  // well-formed, but a named field is missing, empty or too long
	MediaType     Code = "media type"     // not of the type that is read here
	TooLarge      Code = "too large"      // more bytes than a setting allows
	Forbidden     Code = "forbidden"      // understood, and not for this caller
	NotFound      Code = "not found"      // no such thing
	NotAllowed    Code = "not allowed"    // the thing is there and does not do that
	TooSlow       Code = "too slow"       // the request did not arrive in time
	Unavailable   Code = "unavailable"    // the store cannot work at the moment; try again
	Full          Code = "full"           // a setting bounds the store, and it is reached
	Internal      Code = "internal error" // a bug
)

// Error is an error that may be shown to whoever asked: Detail says in a sentence what would be right, and names the
// setting where there is one. Input that it repeats is quoted as by %q.
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

// AsError returns the Error in err's chain; any other error is Internal, with a detail that gives nothing away.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Internal, Detail: "Something went wrong on the server; its log says what."}
}
