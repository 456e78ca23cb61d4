// Package audit holds the rules of the audit log: who did what to what. It is append-only: each
// record is an event of stream.Audits, and the same id twice makes two records.
package audit

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"iris-broadcast/internal/stream"
)

// maxField is the maximum length of id, actor, action and target, in characters.
const maxField = 256

// Entry is what a client sends.
type Entry struct {
	ID      string          `json:"id"`
	Actor   string          `json:"actor,omitempty"`
	Action  string          `json:"action,omitempty"`
	Target  string          `json:"target,omitempty"`
	Details json.RawMessage `json:"details,omitempty"` // any JSON value
}

// Record is an entry as it is stored and sent.
type Record struct {
	ID        string          `json:"id"`
	CreatedAt time.Time       `json:"created_at"` // UTC, RFC 3339 with nanoseconds
	Actor     string          `json:"actor,omitempty"`
	Action    string          `json:"action,omitempty"`
	Target    string          `json:"target,omitempty"`
	Details   json.RawMessage `json:"details,omitempty"`
}

// Add checks an entry and appends its record to the log. Errors: stream.Invalid, stream.Unprocessable, and those of
// Log.Append.
func Add(ctx context.Context, log stream.Log, e Entry, now time.Time) (Record, error) {
	if strings.TrimSpace(e.ID) == "" {
		return Record{}, stream.Errorf(stream.Unprocessable, "id is missing; give it 1 to %d characters.", maxField)
	}
	for name, value := range map[string]string{"id": e.ID, "actor": e.Actor, "action": e.Action, "target": e.Target} {
		if !utf8.ValidString(value) {
			return Record{}, stream.Errorf(stream.Invalid, "%s must be valid UTF-8.", name)
		}
		if utf8.RuneCountInString(value) > maxField {
			return Record{}, stream.Errorf(stream.Unprocessable, "%s must be at most %d characters.", name, maxField)
		}
	}
	if !utf8.Valid(e.Details) {
		return Record{}, stream.Errorf(stream.Invalid, "details must be valid UTF-8.")
	}
	r := Record{e.ID, now.UTC(), e.Actor, e.Action, e.Target, e.Details}
	data, err := stream.EncodeJSON(r)
	if err != nil {
		return Record{}, stream.Errorf(stream.Invalid, "details must be one JSON value.")
	}
	_, err = log.Append(ctx, stream.Event{Topic: stream.Audits, Data: string(data)})
	return r, err
}

// Filter selects records; an empty field matches all.
type Filter struct{ Actor, Action string }

// IsZero reports whether the filter matches every record.
func (f Filter) IsZero() bool { return f == Filter{} }

// Record returns an event's record, and whether the filter matches it.
func (f Filter) Record(e stream.Event) (r Record, ok bool) {
	if !holds(e.Data, "actor", f.Actor) || !holds(e.Data, "action", f.Action) {
		return r, false
	}
	if err := json.Unmarshal([]byte(e.Data), &r); err != nil {
		return r, false
	}
	return r, (f.Actor == "" || f.Actor == r.Actor) && (f.Action == "" || f.Action == r.Action)
}

// holds reports whether a record may have that value in a field, without decoding it: Add encodes both the same way.
func holds(data, field, value string) bool {
	return value == "" || strings.Contains(data, `"`+field+`":`+stream.MustJSON(value))
}
