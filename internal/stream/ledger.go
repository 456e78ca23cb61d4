package stream

import (
	"iter"
	"time"
)

// Ledger is the book-keeping that every log on one node has in common: which topics there are, what may be added, what
// has to go, and what a reader of the log has missed. It holds no events. It has no lock: whoever changes it has it
// alone.
type Ledger struct {
	keep    Retention
	topics  map[Topic]*Account
	names   catalog
	crowded []*Account // those that may have more events than they should
	bytes   int64      // of the events that age and bytes bound
	bounded int        // topics that count against Retention.Topics

	head  ID // given last
	floor marks
	voids []Void

	// mark is a moment between events: each removal has one of its own, above the head and the removal before, so that a
	// reader can say which removals it has been told of. Events take their IDs above it.
	mark ID
}

// Account is what a Ledger knows of one topic of which there are events.
type Account struct {
	Topic Topic
	Count int
	Bytes int64 // as Size counts
	marks

	shelf   *shelf
	always  bool // it keeps its newest events whatever age and bytes say
	crowded bool // it is in Ledger.crowded
}

// Add counts the topic's newest event, of that Size.
func (a *Account) Add(id ID, size int64) {
	a.Count++
	a.Bytes += size
	a.Newest = id
}

// NewLedger is the ledger of a log whose head is at that position, and that knows nothing of what came before floor.
func NewLedger(keep Retention, head, floor ID, voids ...Void) *Ledger {
	l := &Ledger{keep: keep, topics: map[Topic]*Account{}, head: head, voids: voids, mark: head.next()}
	for _, v := range voids {
		l.mark = l.mark.Max(v.To) // so that no event gets an ID within a void, should the clock be set back
	}
	l.floor = marks{Removed: floor, removal: l.mark}
	return l
}

// Load adds the account of a topic that a store has found at its start.
func (l *Ledger) Load(a Account, removed ID) {
	a.marks = marks{a.Newest, removed, l.mark}
	l.open(&a)
	l.crowd(&a)
}

// Head is the ID that was given last.
func (l *Ledger) Head() ID { return l.head }

// Floor is the highest position before which nothing is known of any topic.
func (l *Ledger) Floor() ID { return l.floor.Removed }

// Topics is how many topics there are.
func (l *Ledger) Topics() int { return len(l.topics) }

// Account is that of a topic, nil if nothing is kept of it.
func (l *Ledger) Account(t Topic) *Account { return l.topics[t] }

// Accounts yields those of the topics whose name begins with prefix, in the names' order.
func (l *Ledger) Accounts(prefix string) iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		l.names.below(prefix, func(*shelf) bool { return true }, yield)
	}
}

// Voids are the spans in which the log was away.
func (l *Ledger) Voids() []Void { return l.voids }

// Fresh is the ledger of the same log without any topics, and with no lower a floor than that: of what came before,
// nothing is known any more.
func (l *Ledger) Fresh(floor ID) *Ledger {
	fresh := NewLedger(l.keep, l.head, l.Floor().Max(floor), l.voids...)
	fresh.mark = l.mark.next().Max(fresh.mark)
	fresh.floor.removal = fresh.mark
	return fresh
}

// most is how many events a topic keeps, and whether it keeps them whatever age and bytes say.
func (l *Ledger) most(t Topic) (n int, always bool) {
	if n := l.keep.Always[t]; n > 0 {
		return n, true
	}
	return max(l.keep.Events, 1), false
}

// Admit says whether there is a place for the topics of events that are to be added. Topics of Retention.Always have
// one whatever else there is. The error is Full.
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

// Add gives an event that was admitted its ID, and enters it. What is over then is for Surplus to say.
func (l *Ledger) Add(e *Event, now time.Time) *Account {
	l.head = l.head.Max(l.mark).After(now)
	l.mark, e.ID = l.head, l.head
	a := l.topics[e.Topic]
	if a == nil {
		a = &Account{Topic: e.Topic}
		l.open(a)
	}
	a.Add(e.ID, Size(*e))
	if !a.always {
		l.bytes += Size(*e)
	}
	a.shelf.raise(a.marks)
	l.crowd(a)
	return a
}

func (l *Ledger) open(a *Account) {
	l.topics[a.Topic] = a
	l.names.add(a)
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

// Crowded is a topic that has more events than it should, and how many; nil if there is none.
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

// Surplus is how many events a topic has more than it should.
func (l *Ledger) Surplus(a *Account) int {
	most, _ := l.most(a.Topic)
	return max(a.Count-most, 0)
}

// Spare says whether an event may stay: whether its topic is one of Retention.Always, or it is neither too old nor one
// of those, the oldest, that are too much. Stores ask it of the oldest events, in the log's order.
func (l *Ledger) Spare(a *Account, id ID, now time.Time) (spare, always bool) {
	return a.always || l.bytes <= l.keep.Bytes && !id.Less(IDAt(now.Add(-l.keep.Age))), a.always
}

// Over says whether there is more than there may be, whatever its age.
func (l *Ledger) Over() bool { return l.bytes > l.keep.Bytes }

// Remove enters that a topic's oldest event, of that Size, has gone. Without the last of its events a topic is
// forgotten; then it returns true.
func (l *Ledger) Remove(a *Account, id ID, size int64) (forgotten bool) {
	l.mark = l.mark.next()
	a.Removed, a.removal = id, l.mark
	a.Count--
	a.Bytes -= size
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
