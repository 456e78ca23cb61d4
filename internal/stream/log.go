package stream

import (
	"context"
	"time"
)

// Log keeps events in order and tells of each new one. Everything that reaches a browser has come through a Log.
// Package logtest is the contract as a test, which each implementation passes. All methods may be called at once.
//
// What a Log promises:
//
//   - IDs are unique and strictly rising over the whole log; in one Append they follow the arguments' order.
//   - When Append returns without error, the events are as durable as the store makes anything, and every later Page and
//     Head sees them. An Append that returns an error has appended nothing, or says nothing about it: then ctx had ended.
//   - Events may be removed, oldest first, as Retention says. What went is always reported as a Gap; see Ledger.
//   - Nobody is told of an event before it is durable, or out of the log's order.
//   - A Page costs a bounded amount of work and of bytes, whatever is asked and stored, and never holds up Append.
type Log interface {
	// Append gives each event its ID and keeps it, all or none. While a Follow on this node is more than 4 MiB behind it
	// returns late, at the latest when ctx ends: the events are kept all the same. Errors: Full, Unavailable.
	Append(ctx context.Context, events ...Event) ([]ID, error)

	// Page reads a part of the log at one moment.
	Page(ctx context.Context, q Query) (Page, error)

	// Head is the ID of the newest event, or the position where the log began.
	Head(ctx context.Context) (ID, error)

	// Ready says why Append cannot work at the moment, as an Unavailable error; nil if nothing is known to be wrong.
	// What is stored can be read all the same.
	Ready(ctx context.Context) error

	// Follow calls deliver with every event after a position, in the log's order, each once, some at a time, until ctx
	// ends or deliver fails; it returns that error. deliver keeps the batch but must not change it.
	Follow(ctx context.Context, after ID, deliver func(Batch) error) error
}

// Retention bounds what a log keeps. What is over goes, the oldest first; what goes is reported as Gap.
type Retention struct {
	Events int           // of each topic, at least 1
	Age    time.Duration // of each event, above 0
	Bytes  int64         // in all: see Size
	Topics int           // how many topics there may be beside those of Always; Append refuses one more with Full
	Always map[Topic]int // topics that keep their newest n whatever the other bounds say
}

// Size is about how many bytes an event takes: its text, and 128 for the rest.
func Size(e Event) int64 {
	return int64(len(e.Topic.name) + len(e.Type.name) + len(e.Data) + 128)
}

// Query says which part of the log a Page is: of the selected topics, what came after a position (exclusive). The zero
// Selection takes every topic.
type Query struct {
	Topics Selection
	After  ID
	Until  ID    // the last ID that is wanted; zero is the head
	Limit  int   // how many events at most, 1 to MaxPage
	Bytes  int64 // about how many bytes of events at most (see Size), but one event at least; 0 is no bound

	// Newest begins the page no earlier than that many events before the end, and NewestBytes no earlier than about that
	// many bytes; 0 is no bound.
	Newest      int
	NewestBytes int64

	// Anywhere says that After is no position that the reader had, such as a time: then nothing can be missing.
	Anywhere bool

	// Told is Page.Mark of the page before, for a reader of one page after the other: it has been told of what was removed
	// by then. Zero for the first page.
	Told ID
}

// Page is a part of the log, oldest event first. It may be short, even empty, though there is more.
type Page struct {
	Events  []Event
	Reached ID   // where to go on: nothing selected lies between the last of Events and here; never above Head
	More    bool // there may be selected events after Reached
	Older   bool // there are selected events before these, which Query.Newest or NewestBytes has left out
	Head    ID   // the log's head at the moment of the read
	Gap     *Gap // not nil if the log cannot prove that nothing is missing after Query.After

	// Mark is a moment of this log, as a position that no event has: what was removed by then is told in this page, or was
	// before.
	Mark ID
}

// Begin is the position just before what the page shows: of its first event, or Reached.
func (p Page) Begin() ID { return begin(p.Events, p.Reached) }

// Batch is what a follower is told at a time.
type Batch struct {
	Events  []Event
	Reached ID   // of the last of Events, or the position where the follower is without any
	Gap     *Gap // not nil if the follower may have missed events before Events; see Gap.Topics
}

// Begin is the position just before what the batch brings.
func (b Batch) Begin() ID { return begin(b.Events, b.Reached) }

func begin(events []Event, reached ID) ID {
	if len(events) > 0 {
		return events[0].ID.Before()
	}
	return reached
}

// Gap says that events after a position have been removed, or may have been.
type Gap struct {
	Oldest ID // the oldest event that there is to read instead, or the position that was reached

	// Newest is the highest that may be missing: who has the log up to there misses nothing.
	Newest ID

	// Topics are the names and patterns of the reader's selection that are concerned. A reader that selects every
	// topic, as a follower does, has named none: it gets the topics themselves, or none at all where any of them may be
	// concerned.
	Topics []string
}
