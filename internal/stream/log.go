package stream

import (
	"context"
	"strings"
)

// Log keeps events in order and tells of each new one. Everything that reaches a browser has come through a Log. Package
// logtest is the contract as a test, which each implementation passes. All methods may be called at once.
//
// What a Log promises:
//
//   - IDs are unique and strictly rising over the whole log; in one Append they follow the arguments' order.
//   - When Append returns without error, the events are as durable as the store makes anything, and every later Page and
//     Head sees them. An Append that returns an error has appended nothing, or says nothing about it: then ctx had ended.
//   - Events may be removed, oldest first, as the store's retention says. For each topic the log keeps the highest ID that
//     it ever removed, and a floor for topics that it has forgotten altogether, so that what was removed is always
//     reported as a Gap.
//   - Nobody is told of an event before it is durable, or out of the log's order.
type Log interface {
	// Append gives each event its ID and keeps it, all or none. While a Follow on this node is more than 4 MiB behind it
	// returns late, at the latest when ctx ends: the events are kept all the same. Errors: Full, Unavailable.
	Append(ctx context.Context, events ...Event) ([]ID, error)

	// Page reads a part of the log at one moment.
	Page(ctx context.Context, q Query) (Page, error)

	// Head is the ID of the newest event, or the position where the log began.
	Head(ctx context.Context) (ID, error)

	// Ready says why Append cannot work at the moment, as an Unavailable error; nil if nothing is known to be wrong. What is
	// stored can be read all the same.
	Ready(ctx context.Context) error

	// Follow calls deliver with every event after a position, in the log's order, each once, some at a time, until ctx
	// ends or deliver fails; it returns that error. deliver keeps the slice but must not change it.
	Follow(ctx context.Context, after ID, deliver func([]Event) error) error
}

// Query says which part of the log a Page is: of the selected topics, what came after a position (exclusive).
type Query struct {
	Topics Selection
	After  ID
	Limit  int  // how many events at most, 1 to MaxPage
	Newest bool // the newest Limit of them rather than the oldest

	// What follows is for a reader of one page after the other; zero for the first.
	Bytes int64  // about how many bytes of events at most, but one event at least; 0 is no bound; not with Newest
	Seen  uint64 // Page.Seen of the page before: what had been removed by then has been told, or is not to be
}

// Page is a part of the log, oldest event first.
type Page struct {
	Events []Event
	More   bool // there are selected events after the last of Events
	Head   ID   // the log's head at the moment of the read
	Gap    *Gap // not nil if the log cannot prove that nothing is missing after Query.After

	// Seen marks what had been removed at that moment, for the Query of the next page. It is above 0, and means nothing to
	// another run of the process.
	Seen uint64
}

// Begin is the position just before what the page shows: of its first event, or the head.
func (p Page) Begin() ID {
	if len(p.Events) > 0 {
		return p.Events[0].ID.Before()
	}
	return p.Head
}

// End is the position that a reader of the page has reached: nothing selected lies between its last event and there.
func (p Page) End() ID {
	if p.More {
		return p.Events[len(p.Events)-1].ID
	}
	return p.Head
}

// Gap says that events after a position have been removed, or may have been.
type Gap struct {
	Oldest ID       // the oldest event that there is to read instead, or the head
	Topics []string // the selected names and patterns that are concerned
}

// FindGap is how every log tells a gap: a selection that asks for what came after a position has one if the position is
// below the floor (then all of it is concerned), or below the highest ID that was removed from a topic that it takes.
// removed calls yield for topics that the selection takes, and that ID; it may leave out those of which none was removed.
func FindGap(q Query, floor ID, removed func(yield func(Topic, ID) bool)) []string {
	if q.After.Less(floor) {
		return q.Topics.Names()
	}
	concerned := map[string]bool{}
	for t, id := range removed {
		if q.After.Less(id) {
			for key := range t.Keys {
				concerned[key] = true
			}
		}
	}
	var names []string
	for _, name := range q.Topics.Names() {
		if concerned[strings.TrimSuffix(name, "*")] {
			names = append(names, name)
		}
	}
	return names
}
