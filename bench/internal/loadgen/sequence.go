package loadgen

// Verdict is what a Checker says of one event.
type Verdict uint8

const (
	InOrder   Verdict = iota
	Doubled           // has come before
	Reordered         // was missing, and came late
)

// Checker proves for one client that each publisher's events came once and in
// order. The zero Checker expects every publisher from its first event on.
type Checker struct {
	// AnyStart takes the first event seen of a publisher for its first: for who
	// joins while others publish.
	AnyStart bool

	last []uint32 // highest sequence number seen, by publisher
	lost []span   // below last, and not seen
}

// span is the sequence numbers from to to, both included, of one publisher.
type span struct {
	publisher uint16
	from, to  uint32
}

// Note takes the next event.
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

// late finds out whether an event from below the highest one is missing.
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

// Missing is how many events have been jumped over and have not come since.
func (c *Checker) Missing() (n uint64) {
	for _, s := range c.lost {
		n += uint64(s.to-s.from) + 1
	}
	return n
}

// Behind is how many of the first published events of a publisher have not been
// reached yet; those jumped over are Missing.
func (c *Checker) Behind(publisher int, published uint32) uint64 {
	var last uint32
	if publisher < len(c.last) {
		last = c.last[publisher]
	}
	return uint64(published - min(last, published))
}
