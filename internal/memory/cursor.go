package memory

import "iris-broadcast/internal/stream"

// Forward implements stream.Reader. The caller holds the lock while it uses the cursor.
func (s *Store) Forward(a *stream.Account, after stream.ID) stream.Cursor {
	c := &cursor{step: 1}
	if a == nil {
		c.blocks = s.order.blocks
		if c.block = s.order.find(after); c.block == len(c.blocks) {
			return c
		}
		c.entries = c.blocks[c.block].entries
	} else {
		c.entries = s.topics[a.Topic].entries
	}
	at, found := search(c.entries, after)
	if c.at = at - 1; found {
		c.at = at
	}
	return c
}

// Backward implements stream.Reader.
func (s *Store) Backward(a *stream.Account, from stream.ID) stream.Cursor {
	c := &cursor{step: -1}
	if a == nil {
		c.blocks = s.order.blocks
		if c.block = min(s.order.find(from), len(c.blocks)-1); c.block < 0 {
			return c
		}
		c.entries = c.blocks[c.block].entries
	} else {
		c.entries = s.topics[a.Topic].entries
	}
	at, found := search(c.entries, from)
	if c.at = at; found {
		c.at = at + 1
	}
	return c
}

// cursor walks the entries of a topic, or the blocks of all topics.
type cursor struct {
	entries []*entry
	at      int
	step    int // 1 or -1

	blocks []*block // nil for one topic
	block  int
}

// Next implements stream.Cursor.
func (c *cursor) Next() bool {
	for {
		c.at += c.step
		for c.at < 0 || c.at >= len(c.entries) {
			if c.block += c.step; c.block < 0 || c.block >= len(c.blocks) {
				return false
			}
			c.entries = c.blocks[c.block].entries
			if c.at = 0; c.step < 0 {
				c.at = len(c.entries) - 1
			}
		}
		if c.entries[c.at].block != nil {
			return true
		}
	}
}

// ID implements stream.Cursor.
func (c *cursor) ID() stream.ID { return c.entries[c.at].ID }

// Topic implements stream.Cursor.
func (c *cursor) Topic() stream.Topic { return c.entries[c.at].Topic }

// Size implements stream.Cursor.
func (c *cursor) Size() int64 { return stream.Size(c.entries[c.at].Event) }

// Event implements stream.Cursor.
func (c *cursor) Event() (stream.Event, bool) { return c.entries[c.at].Event, true }

// Close implements stream.Cursor.
func (c *cursor) Close() error { return nil }
