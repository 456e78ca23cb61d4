// Package audit has the rules of the audit log: who did what to what. It is append-only; the same id twice is two records.
package audit

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"iris-broadcast/internal/stream"
)

// Topic is where the records go, one event each.
var Topic = stream.MustTopic("audits")

// maxField is how many characters id, actor, action and target have at most.
const maxField = 256

// Entry is what a client sends.
type Entry struct {
	ID      string          `json:"id"`
	Actor   string          `json:"actor,omitempty"`
	Action  string          `json:"action,omitempty"`
	Target  string          `json:"target,omitempty"`
	Details json.RawMessage `json:"details,omitempty"` // any JSON value
}

// Record is an entry as it is kept and sent.
type Record struct {
	ID        string          `json:"id"`
	CreatedAt time.Time       `json:"created_at"` // UTC, RFC 3339 with nanoseconds
	Actor     string          `json:"actor,omitempty"`
	Action    string          `json:"action,omitempty"`
	Target    string          `json:"target,omitempty"`
	Details   json.RawMessage `json:"details,omitempty"`
}

// Add checks an entry and appends its record to the log.
func Add(ctx context.Context, log stream.Log, e Entry, now time.Time) (Record, error) {
	if strings.TrimSpace(e.ID) == "" {
		return Record{}, stream.Errorf(stream.Unprocessable, "id is missing: name the record with 1 to %d characters.", maxField)
	}
	for name, value := range map[string]string{"id": e.ID, "actor": e.Actor, "action": e.Action, "target": e.Target} {
		if !utf8.ValidString(value) {
			return Record{}, stream.Errorf(stream.Invalid, "%s is valid UTF-8.", name)
		}
		if utf8.RuneCountInString(value) > maxField {
			return Record{}, stream.Errorf(stream.Unprocessable, "%s is at most %d characters.", name, maxField)
		}
	}
	if !utf8.Valid(e.Details) {
		return Record{}, stream.Errorf(stream.Invalid, "details is valid UTF-8.")
	}
	r := Record{e.ID, now.UTC(), e.Actor, e.Action, e.Target, e.Details}
	data, err := stream.EncodeJSON(r)
	if err != nil {
		return Record{}, stream.Errorf(stream.Invalid, "details is one JSON value.")
	}
	_, err = log.Append(ctx, stream.Event{Topic: Topic, Data: string(data)})
	return r, err
}

// Filter says which records a list has; an empty field takes all.
type Filter struct{ Actor, Action string }

// Read calls each with the records that match, oldest first, and their positions, from from.After on, until there are no
// more or each says false; with from.Newest it looks at no more than the newest from.Limit. It reads the log in pages, so
// that no list is too long for memory. It returns the position that it has reached.
func (f Filter) Read(ctx context.Context, log stream.Log, from stream.Query, each func(stream.ID, Record) bool) (stream.ID, error) {
	from.Topics = stream.Select(Topic)
	if !from.Newest {
		from.Limit = stream.MaxPage
	}
	for {
		page, err := log.Page(ctx, from)
		if err != nil {
			return from.After, err
		}
		for _, e := range page.Events {
			var r Record
			if json.Unmarshal([]byte(e.Data), &r) != nil || !f.match(r) {
				continue
			}
			if !each(e.ID, r) {
				return e.ID, nil
			}
		}
		if from.After = page.End(); !page.More {
			return from.After, nil
		}
	}
}

func (f Filter) match(r Record) bool {
	return (f.Actor == "" || f.Actor == r.Actor) && (f.Action == "" || f.Action == r.Action)
}
