// Package sse is the wire format of Server-Sent Events, text/event-stream, as
// defined by the WHATWG HTML standard in its section "Server-sent events". It
// does no HTTP and starts no goroutine.
//
// A stream is UTF-8 text in lines. A line is a field ("data: hello"), a comment
// (": anything"), or empty; an empty line ends a block and dispatches it as an
// event, if it has data:
//
//	id: 1763676000000-3
//	event: greeting
//	data: hello
//	data: world
//
// [Append], [AppendHead] and [AppendComment] write such blocks; [Reader] reads
// them. What Reader reads is what Append wrote, except that CR and CRLF in the
// data have become LF: the format knows lines, not what ended them.
package sse

import "strings"

// Line is text that fits in one field: it cannot hold CR, LF or NUL, so nothing
// made of it can end its line and forge another. The zero Line is empty.
type Line struct{ text string }

// notInLine removes what no Line may hold: the two bytes that end a line, and
// NUL, for which a client ignores an id ("Interpreting an event stream").
var notInLine = strings.NewReplacer("\r", "", "\n", "", "\x00", "")

// MakeLine is s without its CR, LF and NUL bytes; every other byte stays, valid
// UTF-8 or not. It accepts any string, of any length, and allocates only if there
// is something to remove. Callers that want to reject such text must do so before.
func MakeLine(s string) Line { return Line{notInLine.Replace(s)} }

// String is the text of the line.
func (l Line) String() string { return l.text }

// Event is one event to write. None of its parts has a maximum length here.
type Event struct {
	// ID is where a client resumes after this event. The zero Line writes no
	// id: line, and the client keeps its last ID.
	ID Line

	// Type names the event. The zero Line writes no event: line, and the client
	// treats the event as a "message".
	Type Line

	// Data is any text, even empty. CR, LF and CRLF each break it into lines.
	Data string
}

// Form is how a stream carries its events.
type Form int

// The two forms.
const (
	// Plain has an event's id, type and data in fields of their own, as the
	// standard does.
	Plain Form = iota

	// Envelope has no event: field; data is the whole event as one line of JSON,
	// for readers of several topics and of types that they do not know.
	Envelope
)

// Message is one event as a client reads it: the lastEventId, type and data of
// the standard's MessageEvent.
type Message struct {
	// ID is the last event ID when the message was dispatched: its own, or else
	// that of the last block that had one. It holds no CR, LF or NUL.
	ID string

	// Type is the type as sent, "" if none was, which means "message". It holds
	// no CR or LF.
	Type string

	// Data is the data lines, with LF between them and none after the last.
	Data string
}
