package loadgen

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Stats is what clients have received.
type Stats struct {
	Events    uint64 // of any kind
	Stamped   uint64 // published by this package, with duplicates
	Doubled   uint64 // of those, duplicates
	Reordered uint64 // of those, received after later ones
	Fallen    uint64 // events of any kind whose id was not above the one before, with Pool.Rising
	Gaps      uint64 // events named gap: what was asked for is no longer there
	Ended     uint64 // streams that the server ended
	Delay     *hdrhistogram.Histogram
}

func (s *Stats) add(other Stats) {
	s.Events += other.Events
	s.Stamped += other.Stamped
	s.Doubled += other.Doubled
	s.Reordered += other.Reordered
	s.Fallen += other.Fallen
	s.Gaps += other.Gaps
	s.Ended += other.Ended
	s.Delay.Merge(other.Delay)
}

// Take returns what was received since the last call.
func (p *Pool) Take() Stats {
	sum := Stats{Delay: NewHistogram()}
	for _, l := range p.loops {
		l.mu.Lock()
		sum.add(l.stats)
		delay := l.stats.Delay
		delay.Reset()
		l.stats = Stats{Delay: delay}
		l.mu.Unlock()
	}
	return sum
}

// Add adds other to s, which may be the zero Stats.
func (s *Stats) Add(other Stats) {
	if s.Delay == nil {
		s.Delay = NewHistogram()
	}
	s.add(other)
}

// Ledger is how many events each publisher has published on each topic.
type Ledger struct {
	topics     int
	publishers int
	counts     []atomic.Uint32 // by topic, then publisher
}

// NewLedger returns an empty ledger.
func NewLedger(topics, publishers int) *Ledger {
	return &Ledger{topics, publishers, make([]atomic.Uint32, topics*publishers)}
}

func (l *Ledger) at(topic, publisher int) *atomic.Uint32 {
	return &l.counts[topic*l.publishers+publisher]
}

// Note counts a publisher's next event on a topic.
func (l *Ledger) Note(topic, publisher int) { l.at(topic, publisher).Add(1) }

// Published is how many events have been published on all topics.
func (l *Ledger) Published() (n uint64) {
	for i := range l.counts {
		n += uint64(l.counts[i].Load())
	}
	return n
}

// Behind is how many published events the clients have not reached yet, and how many they have skipped. Clients without
// a stream count only for the latter, unless all is set.
func (p *Pool) Behind(l *Ledger, clients []*Client, all bool) (behind, missing uint64) {
	p.count(clients, func(c *Client) bool {
		missing += c.check.Missing()
		for publisher := range l.publishers {
			if all || c.state == streaming {
				behind += c.check.Behind(publisher, l.at(c.topic, publisher).Load())
			}
		}
		return true
	})
	return behind, missing
}

// CatchUp waits until the clients have everything published, or have received nothing for patience. It returns how many
// events are missing then.
func (p *Pool) CatchUp(ctx context.Context, l *Ledger, clients []*Client, all bool,
	patience time.Duration) (missing uint64, err error) {
	var last uint64
	moved := time.Now()
	err = p.await(ctx, func() bool {
		behind, jumped := p.Behind(l, clients, all)
		if missing = behind + jumped; missing != last {
			last, moved = missing, time.Now()
		}
		return behind == 0 || time.Since(moved) > patience
	})
	return missing, err
}

// EndedOf is how many of the clients' streams the server has ended so far.
func (p *Pool) EndedOf(clients []*Client) int {
	return p.count(clients, func(c *Client) bool { return c.ended > 0 })
}
