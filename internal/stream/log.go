package stream

import (
	"context"
	"time"
)

// Log keeps events in order and passes each new one on. Everything that reaches a browser has come through a Log.
// Package logtest is the contract as a test, which each implementation passes. Safe for concurrent use.
//
// What a Log promises:
//
//   - IDs are unique and strictly rising over the whole log; those of one Append follow its arguments' order.
//   - Once Append returns without an error, the events are as durable as the store can make them, and every later Page
//     and Head sees them. An Append that returns an error has appended nothing, except perhaps if ctx had ended.
//   - Events are removed oldest first, as Retention says. Removals are always reported as a Gap; see Ledger.
//   - Nobody gets an event before it is durable, or out of log order.
//   - The work and the bytes of a Page are bounded, whatever is asked and stored, and it never delays Append.
type Log interface {
	// Append assigns IDs and stores the events, all or none. While a Follow on this node is more than 4 MiB behind, it
	// returns late, at the latest when ctx ends; the events are stored all the same. Errors: Full, Unavailable.
	Append(ctx context.Context, events ...Event) ([]ID, error)

	// Page reads part of the log, as of one moment.
	Page(ctx context.Context, q Query) (Page, error)

	// Head is the newest event's ID, or where the log begins.
	Head(ctx context.Context) (ID, error)

	// Ready returns why Append is not possible at the moment, as an Unavailable or Broken error; nil if nothing is
	// known to be wrong. Reading stays possible.
	Ready(ctx context.Context) error

	// Follow calls deliver with every event after a position, in log order, each once, in batches, until ctx ends or
	// deliver fails; it returns that error. deliver may keep the batch but must not change it.
	Follow(ctx context.Context, after ID, deliver func(Batch) error) error
}

// Retention limits what a log keeps. The oldest events are removed first, and reported as a Gap.
type Retention struct {
	Events int           // per topic, at least 1
	Age    time.Duration // per event, above 0
	Bytes  int64         // in total, as Size counts
	Topics int           // besides those of Always; Append refuses one more with Full
	Always map[Topic]int // topics that keep their newest n events regardless of the other limits
}

// Size is roughly how many bytes an event takes: its text, and 128 for the rest.
func Size(e Event) int64 {
	return int64(len(e.Topic.name) + len(e.Type.name) + len(e.Data) + 128)
}

// Query selects the part of the log that a Page is: events of the selected topics after a position (exclusive). The
// zero Selection selects every topic.
type Query struct {
	Topics Selection
	After  ID
	Until  ID    // the last ID wanted; zero is the head
	Limit  int   // at most this many events, 1 to MaxPage
	Bytes  int64 // roughly at most this many bytes of events (see Size), but at least one event; 0 is no limit

	// Newest starts the page at most that many events before the end, NewestBytes roughly at most that many bytes; 0 is
	// no limit.
	Newest      int
	NewestBytes int64

	// Anywhere means that the reader was never at After, which may be a time: nothing counts as missing.
	Anywhere bool

	// Told is the previous page's Mark, for a reader of consecutive pages: gaps reported by then are not reported
	// again. Zero for the first page.
	Told ID
}

// Page is part of the log, oldest event first. It may be short, even empty, though there is more.
type Page struct {
	Events  []Event
	Reached ID   // where to continue: nothing selected lies between the last of Events and here; at most Head
	More    bool // there may be selected events after Reached
	Older   bool // Query.Newest or NewestBytes has left out earlier selected events
	Head    ID   // the log's head when the page was read
	Gap     *Gap // not nil if events after Query.After may be missing

	// Mark is a moment of this log, a position that no event has: all removals before it are reported in this page or
	// an earlier one.
	Mark ID
}

// Begin is the position just before the page: before its first event, or Reached.
func (p Page) Begin() ID { return begin(p.Events, p.Reached) }

// Batch is what a follower gets at a time.
type Batch struct {
	Events  []Event
	Reached ID   // the last event's ID, or the follower's position if there are none
	Gap     *Gap // not nil if the follower may have missed events before Events; see Gap.Topics
}

// Begin is the position just before the batch.
func (b Batch) Begin() ID { return begin(b.Events, b.Reached) }

func begin(events []Event, reached ID) ID {
	if len(events) > 0 {
		return events[0].ID.Before()
	}
	return reached
}

// Gap reports that events after a position have been removed, or may have been.
type Gap struct {
	Oldest ID // the oldest event available instead, or the position reached

	// Newest is the highest ID that may be missing: whoever has the log up to there misses nothing.
	Newest ID

	// Topics are the affected names and patterns of the reader's selection. A reader that selects every topic, as a
	// follower does, has named none: it gets the affected topics, or an empty list if any topic may be affected.
	Topics []string
}
