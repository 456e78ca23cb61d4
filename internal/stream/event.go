// Package stream defines the server's nouns (Topic, ID, Event), the Log that keeps events in order, and what all Logs
// of one node share: the Ledger and the Feed. It imports only the standard library.
package stream

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Event is something that happened. It is immutable once it has its ID, so it may be shared.
type Event struct {
	ID    ID // assigned by Log.Append
	Topic Topic
	Type  Type
	Data  string // valid UTF-8, not empty; may hold any line breaks
}

// IDs returns the IDs of events, in order.
func IDs(events []Event) []ID {
	ids := make([]ID, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

// Type is an event's type, as passed to addEventListener: one line of at most 64 bytes of UTF-8 without control
// characters. The zero Type is none, which browsers treat as "message".
type Type struct{ name string }

// reserved types would trigger a page's own handlers in every browser (the first two), or look like the server's.
var reserved = []string{"open", "error", "gap", "ready", "heartbeat"}

// ParseType parses a type; "" and "message" are the zero Type.
func ParseType(text string) (Type, error) {
	switch {
	case text == "" || text == "message":
		return Type{}, nil
	case len(text) > 64, !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl),
		text != strings.TrimSpace(text):
		return Type{}, Errorf(Invalid, "A type is at most 64 bytes of UTF-8 in one line, with no space at either end.")
	case slices.Contains(reserved, text):
		return Type{}, Errorf(Invalid,
			"The types %s are taken: browsers or the server itself send them. Choose another name.",
			strings.Join(reserved, ", "))
	}
	return Type{text}, nil
}

// MustType is ParseType for constant names; it panics on an error.
func MustType(text string) Type {
	t, err := ParseType(text)
	if err != nil {
		panic(err)
	}
	return t
}

// String is the type's name, "" for none.
func (t Type) String() string { return t.name }

// MarshalText implements encoding.TextMarshaler.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.name), nil }

// ParseData checks that text can be an event's data.
func ParseData(data []byte) (string, error) {
	switch {
	case len(data) == 0:
		return "", Errorf(Invalid, "The body is the event's data; send at least one byte.")
	case !utf8.Valid(data):
		return "", Errorf(Invalid, "The body is the event's data; send valid UTF-8 (binary data as base64).")
	}
	return string(data), nil
}

// timeFormat is RFC 3339 with the ID's milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON encodes the event as in lists and the envelope: {"id","topic","type","time","data"}.
func (e Event) MarshalJSON() ([]byte, error) {
	return EncodeJSON(struct {
		ID    ID     `json:"id"`
		Topic Topic  `json:"topic"`
		Type  Type   `json:"type"`
		Time  string `json:"time"`
		Data  string `json:"data"`
	}{e.ID, e.Topic, e.Type, e.ID.Time().Format(timeFormat), e.Data})
}

// EncodeJSON is json.Marshal without its HTML escapes: the text goes into no HTML, and six bytes for each < would be a
// waste.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// MustJSON is EncodeJSON for values that cannot fail; it panics on an error.
func MustJSON(v any) string {
	text, err := EncodeJSON(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// chunks yields events in order, roughly that many bytes at a time, and at least one event.
func chunks(events []Event, bytes int64) iter.Seq[[]Event] {
	return func(yield func([]Event) bool) {
		for len(events) > 0 {
			n := 0
			for size := int64(0); n < len(events) && size < bytes; n++ {
				size += Size(events[n])
			}
			if !yield(events[:n]) {
				return
			}
			events = events[n:]
		}
	}
}
