package loadgen

// Verdict is a Checker's judgment of one event.
type Verdict uint8

const (
	InOrder   Verdict = iota
	Doubled           // has come before
	Reordered         // was missing, and came late
)

// Checker proves that one client got each publisher's events once and in order. The zero Checker expects every
// publisher's first event first.
type Checker struct {
	// AnyStart accepts any first event of a publisher, for a client that joins while others publish.
	AnyStart bool

	last []uint32 // highest sequence number seen, by publisher
	lost []span   // below last, and not seen
}

// span is the sequence numbers from to to, both included, of one publisher.
type span struct {
	publisher uint16
	from, to  uint32
}

// Note judges the next event.
func (c *Checker) Note(publisher uint16, sequence uint32) Verdict {
	for int(publisher) >= len(c.last) {
		c.last = append(c.last, 0)
	}
	last := c.last[publisher]
	if sequence <= last {
		return c.late(publisher, sequence)
	}
	if sequence > last+1 && !(last == 0 && c.AnyStart) {
		c.lost = append(c.lost, span{publisher, last + 1, sequence - 1})
	}
	c.last[publisher] = sequence
	return InOrder
}

// late checks whether an event below the highest one was missing.
func (c *Checker) late(publisher uint16, sequence uint32) Verdict {
	for i, s := range c.lost {
		if s.publisher != publisher || sequence < s.from || sequence > s.to {
			continue
		}
		c.lost = append(c.lost[:i], c.lost[i+1:]...)
		if sequence > s.from {
			c.lost = append(c.lost, span{publisher, s.from, sequence - 1})
		}
		if sequence < s.to {
			c.lost = append(c.lost, span{publisher, sequence + 1, s.to})
		}
		return Reordered
	}
	return Doubled
}

// Missing is how many events were skipped and have not come since.
func (c *Checker) Missing() (n uint64) {
	for _, s := range c.lost {
		n += uint64(s.to-s.from) + 1
	}
	return n
}

// Behind is how many of a publisher's first published events have not been reached; skipped ones are Missing.
func (c *Checker) Behind(publisher int, published uint32) uint64 {
	var last uint32
	if publisher < len(c.last) {
		last = c.last[publisher]
	}
	return uint64(published - min(last, published))
}
