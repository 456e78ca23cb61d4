package stream

import "context"

// A stream that is behind reads the log in pages of at most replayEvents and about replayBytes.
const replayEvents, replayBytes = 250, 256 << 10

// Replay reads what a stream missed, page by page, each in turn with other readers. End it.
type Replay struct {
	Position ID     // where the stream begins
	Since    string // the position that Page follows, as the reader gave it
	Page     Page   // the last that was read

	log    Log
	topics Selection
	turn   Turn
}

// Replay reads the first page of what a stream missed that begins here. A reader that is Lost has missed everything. If
// the caller holds all that may have been missed, the page has at most a gap.
func (s Start) Replay(ctx context.Context, log Log, topics Selection, held bool) (*Replay, error) {
	r := &Replay{Since: s.Given, log: log, topics: topics}
	if s.Kind == Live || s.Kind == Lost {
		head, err := log.Head(ctx)
		r.Position, r.Page = head, Page{Head: head, Reached: head}
		if s.Kind == Lost {
			r.Page.Gap = &Gap{Oldest: head, Topics: topics.Names()}
		}
		return r, err
	}
	q := s.query(topics)
	q.Limit, q.Bytes = replayEvents, replayBytes
	if held {
		q.Limit = 1 // to see whether there is a gap
	}
	page, err := r.turn.Page(ctx, log, q)
	r.Position, r.Page = page.Begin(), page
	if s.Kind == After {
		r.Position = s.After
	}
	if held && page.Gap == nil {
		r.Page = Page{Reached: s.After, Mark: page.Mark}
	}
	r.turn.rests = r.Page.More
	return r, err
}

// Next reads the next page.
func (r *Replay) Next(ctx context.Context) (err error) {
	reached := r.Page.Reached
	r.Since = reached.String()
	q := Query{Topics: r.topics, After: reached, Limit: replayEvents, Bytes: replayBytes, Told: r.Page.Mark}
	r.Page, err = r.turn.Page(ctx, r.log, q)
	r.turn.rests = r.Page.More
	return err
}

// End ends the reader's turn, until Next begins another, and lets go of the page's events: a stream that goes on for
// hours must not hold them. It is safe twice.
func (r *Replay) End() {
	r.turn.End()
	r.Page.Events, r.Page.encodings = nil, nil
}
