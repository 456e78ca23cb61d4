package model

import (
	"fmt"
	"slices"

	"iris-broadcast/internal/stream"
)

// replay goes through what has happened to a client, and compares it with the truth.
type replay struct {
	*client
	truth    *truth
	gone     map[string]bool // what the log may have removed in this life
	got      map[string]bool // events, by data
	fresh    bool            // it has no position yet
	position stream.ID
	owed     bool                 // its position is not of the log's present life, and it was not told
	upTo     map[string]stream.ID // what came up to there of a topic has been received, or told
	told     map[string]bool      // a gap of the topic was told, and nothing of it has come since
	oldest   stream.ID            // what the last gap said comes next
	gaps     int
	errs     []error
}

func (r *replay) complain(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(r.name+": "+format, args...))
}

// run replays the journal.
func (r *replay) run() []error {
	r.got, r.upTo, r.told, r.fresh = map[string]bool{}, map[string]stream.ID{}, map[string]bool{}, true
	for _, e := range r.journal {
		if e.kind == "event" {
			r.got[e.data] = true
		}
	}
	seen := map[string]bool{}
	for _, e := range r.journal {
		switch e.kind {
		case "begin":
			r.begin(e)
		case "gap":
			r.gap(e)
		case "event":
			if seen[e.data] {
				r.complain("%.20q came twice", e.data)
			}
			seen[e.data] = true
			r.event(e)
		default:
			r.anotherLife(e)
		}
	}
	r.end()
	return r.errs
}

// topics are those that the client reads, of the log's present life.
func (r *replay) topics() (topics []string) {
	for _, f := range r.truth.inOrder {
		if taken(r.names, f.topic) && !slices.Contains(topics, f.topic) {
			topics = append(topics, f.topic)
		}
	}
	return topics
}

// anotherLife is that the log began anew, or went back to a copy.
func (r *replay) anotherLife(e entry) {
	if r.truth != nil && !r.fresh && (e.kind == "anew" || e.id.Less(r.position)) {
		r.owed = true
	}
	r.truth = e.truth
	r.gone = r.truth.removed()
}

func (r *replay) begin(e entry) {
	r.fresh, r.position = false, e.id
	for _, topic := range r.topics() {
		if e.all {
			r.told[topic] = true // it gets what there is
		} else {
			r.upTo[topic] = e.id
		}
	}
}

func (r *replay) gap(e entry) {
	r.gaps++
	if e.since != r.position {
		r.complain("a gap since %v was told at %v", e.since, r.position)
	}
	if e.id.Less(e.since) && !r.owed {
		r.complain("the gap since %v goes back to %v", e.since, e.id)
	}
	if r.owed && !slices.Equal(e.names, r.names) {
		r.complain("the gap since %v, of another life, names %q alone", e.since, e.names)
	}
	for _, name := range e.names {
		switch {
		case !slices.Contains(r.names, name):
			r.complain("a gap names %q", name)
		case !r.owed && !r.justified(name, e.since):
			r.complain("a gap of %q was told after %v, and nothing was removed", name, e.since)
		}
		for _, topic := range r.topics() {
			if takes(name, topic) {
				r.told[topic] = true
			}
		}
	}
	r.position, r.oldest, r.owed = e.id, e.oldest, false
}

// justified reports whether something that a name matches has been removed after a position, or may have been, with a
// topic that was forgotten. The client may have received it all the same, from the server's memory.
func (r *replay) justified(name string, since stream.ID) bool {
	bounded := r.truth.keepBytes < 1<<30 // then topics may be forgotten
	return slices.ContainsFunc(r.truth.inOrder, func(f fact) bool {
		return since.Less(f.id) && r.gone[f.data] && (bounded || takes(name, f.topic))
	})
}

func (r *replay) event(e entry) {
	switch {
	case r.owed:
		r.complain("%v came, and the position %v is of another life", e.id, r.position)
	case r.fresh:
		r.complain("%v came before the stream began", e.id)
	case !r.position.Less(e.id):
		r.complain("%v came behind %v", e.id, r.position)
	case r.oldest != stream.ID{} && r.oldest != r.position && r.oldest != e.id:
		r.complain("%v came behind a gap that tells of %v", e.id, r.oldest)
	case !taken(r.names, e.topic):
		r.complain("%v is of %s", e.id, e.topic)
	}
	r.missing(e.topic, e.id)
	r.position, r.oldest = e.id, stream.ID{}
	r.told[e.topic], r.upTo[e.topic] = false, e.id
}

// missing complains of what of a topic should have come before an event of it.
func (r *replay) missing(topic string, before stream.ID) {
	for _, f := range r.truth.inOrder {
		if f.topic == topic && r.upTo[topic].Less(f.id) && f.id.Less(before) && !r.told[topic] {
			r.complain("%v of %s was not told, nor was a gap; then came %v", f.id, topic, before)
		}
	}
}

// end checks that the client has everything, to the last event of each topic.
func (r *replay) end() {
	for _, topic := range r.topics() {
		if !r.ends[topic] {
			r.complain("the end of %s has not come", topic)
		}
	}
}
