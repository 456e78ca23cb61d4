package stream

import (
	"iter"
	"time"
)

// Ledger is the bookkeeping that all logs of one node share: which topics there are, what may be added, what must be
// removed, and what a reader has missed. It holds no events. It has no lock: a change needs exclusive access.
type Ledger struct {
	keep    Retention
	topics  map[Topic]*Account
	names   catalog
	crowded []*Account // those that may have too many events
	events  int        // of all topics
	size    int64      // of all events
	bytes   int64      // of the events that the age and byte limits apply to
	bounded int        // topics that count against Retention.Topics

	head  ID // the newest ID assigned
	floor marks
	voids []Void

	// mark is a moment between events. Each removal has one of its own, above the head and the previous removal, so
	// that a reader can say which removals it already knows. New events get IDs above it.
	mark ID
}

// Account is what a Ledger knows about a topic that has events.
type Account struct {
	Topic Topic
	Count int
	Bytes int64 // the sum of Size
	marks

	shelf   *shelf
	always  bool // exempt from the age and byte limits
	crowded bool // is in Ledger.crowded
}

// Add counts the topic's newest event; size is its Size.
func (a *Account) Add(id ID, size int64) {
	a.Count++
	a.Bytes += size
	a.Newest = id
}

// NewLedger returns the ledger of a log with that head, which knows nothing about positions below floor.
func NewLedger(keep Retention, head, floor ID, voids ...Void) *Ledger {
	l := &Ledger{keep: keep, topics: map[Topic]*Account{}, head: head, voids: voids, mark: head.next()}
	for _, v := range voids {
		l.mark = l.mark.Max(v.To) // no event may get an ID within a void, even if the clock is set back
	}
	l.floor = marks{Removed: floor, removal: l.mark}
	return l
}

// Load adds the account of a topic found at the start. removed is its highest removed ID.
func (l *Ledger) Load(a Account, removed ID) {
	a.marks = marks{a.Newest, removed, l.mark}
	l.open(&a)
	l.crowd(&a)
}

// Head is the newest ID assigned.
func (l *Ledger) Head() ID { return l.head }

// Floor is the position below which nothing is known about any topic.
func (l *Ledger) Floor() ID { return l.floor.Removed }

// Topics is the number of topics.
func (l *Ledger) Topics() int { return len(l.topics) }

// Stats counts the topics, their events and these events' bytes.
func (l *Ledger) Stats() Stats { return Stats{Topics: len(l.topics), Events: l.events, Bytes: l.size} }

// Account returns a topic's account, nil if it has no events.
func (l *Ledger) Account(t Topic) *Account { return l.topics[t] }

// Accounts yields the accounts of the topics whose names begin with prefix, sorted by name.
func (l *Ledger) Accounts(prefix string) iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		l.names.below(prefix, func(*shelf) bool { return true }, yield)
	}
}

// Voids are the spans in which the log was offline.
func (l *Ledger) Voids() []Void { return l.voids }

// Fresh returns a ledger of the same log without any topics, whose floor is at least that.
func (l *Ledger) Fresh(floor ID) *Ledger {
	fresh := NewLedger(l.keep, l.head, l.Floor().Max(floor), l.voids...)
	fresh.mark = l.mark.next().Max(fresh.mark)
	fresh.floor.removal = fresh.mark
	return fresh
}

// most is how many events a topic keeps, and whether it is exempt from the age and byte limits.
func (l *Ledger) most(t Topic) (n int, always bool) {
	if n := l.keep.Always[t]; n > 0 {
		return n, true
	}
	return max(l.keep.Events, 1), false
}

// Admit checks that there is room for the topics of new events. Topics of Retention.Always always have room. The error
// is Full.
func (l *Ledger) Admit(events ...Event) error {
	var fresh map[Topic]bool
	for _, e := range events {
		if _, always := l.most(e.Topic); always || l.topics[e.Topic] != nil {
			continue
		}
		if fresh == nil {
			fresh = map[Topic]bool{}
		}
		fresh[e.Topic] = true
	}
	if len(fresh) > 0 && l.bounded+len(fresh) > l.keep.Topics {
		return Errorf(Full, "There are as many topics as -max-topics allows (%d); publish to one of them, or raise it.",
			l.keep.Topics)
	}
	return nil
}

// Add assigns an ID to an admitted event and counts it. It removes nothing: see Surplus.
func (l *Ledger) Add(e *Event, now time.Time) *Account {
	l.head = l.head.Max(l.mark).After(now)
	l.mark, e.ID = l.head, l.head
	a := l.topics[e.Topic]
	if a == nil {
		a = &Account{Topic: e.Topic}
		l.open(a)
	}
	size := Size(*e)
	a.Add(e.ID, size)
	l.events, l.size = l.events+1, l.size+size
	if !a.always {
		l.bytes += size
	}
	a.shelf.raise(a.marks)
	l.crowd(a)
	return a
}

func (l *Ledger) open(a *Account) {
	l.topics[a.Topic] = a
	l.names.add(a)
	l.events, l.size = l.events+a.Count, l.size+a.Bytes
	if _, a.always = l.most(a.Topic); !a.always {
		l.bounded++
		l.bytes += a.Bytes
	}
}

func (l *Ledger) crowd(a *Account) {
	if most, _ := l.most(a.Topic); a.Count > most && !a.crowded {
		a.crowded = true
		l.crowded = append(l.crowded, a)
	}
}

// Crowded returns a topic with too many events, and how many too many; nil if there is none.
func (l *Ledger) Crowded() (a *Account, surplus int) {
	for len(l.crowded) > 0 {
		a := l.crowded[len(l.crowded)-1]
		if most, _ := l.most(a.Topic); a.Count > most {
			return a, a.Count - most
		}
		a.crowded = false
		l.crowded = l.crowded[:len(l.crowded)-1]
	}
	return nil, 0
}

// Surplus is how many events too many a topic has.
func (l *Ledger) Surplus(a *Account) int {
	most, _ := l.most(a.Topic)
	return max(a.Count-most, 0)
}

// Spare reports whether an event may stay: its topic is one of Retention.Always, or it has not expired and there are
// not too many bytes. Stores ask this of their oldest events, in log order.
func (l *Ledger) Spare(a *Account, id ID, now time.Time) (spare, always bool) {
	return a.always || l.bytes <= l.keep.Bytes && !id.Less(IDAt(now.Add(-l.keep.Age))), a.always
}

// Over reports whether there are too many bytes, whatever their age.
func (l *Ledger) Over() bool { return l.bytes > l.keep.Bytes }

// Remove counts the removal of a topic's oldest event; size is its Size. A topic is forgotten with its last event; then
// it returns true.
func (l *Ledger) Remove(a *Account, id ID, size int64) (forgotten bool) {
	l.mark = l.mark.next()
	a.Removed, a.removal = id, l.mark
	a.Count--
	a.Bytes -= size
	l.events, l.size = l.events-1, l.size-size
	if !a.always {
		l.bytes -= size
	}
	if a.Count > 0 {
		a.shelf.raise(a.marks)
		return false
	}
	l.floor.raise(a.marks)
	delete(l.topics, a.Topic)
	l.names.remove(a)
	if !a.always {
		l.bounded--
	}
	return true
}
