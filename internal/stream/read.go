package stream

import (
	"container/heap"
)

// maxSteps is how many events of a log a Page looks at to find those of the many topics that a pattern takes.
const maxSteps = 4096

// Plan is how a log answers a Query: what the Ledger knew at the moment of the read. Its events are read afterwards,
// from the same moment of the store.
type Plan struct {
	query  Query
	topics []Account // to be read side by side
	whole  bool      // they are too many for that: the log's own order is to be read
	page   Page      // without its events
}

// Reader opens cursors over a log, all at the moment of a Plan.
type Reader interface {
	// Forward is a cursor over the events after a position, oldest first; Backward is one over those up to a position,
	// newest first. They are those of one topic, or, where a is nil, of the whole log.
	Forward(a *Account, after ID) Cursor
	Backward(a *Account, from ID) Cursor
}

// Cursor goes over stored events. All but Next and Close are of the event at which it stands.
type Cursor interface {
	Next() bool // goes to the next event, the first at first; false if there is none, or it cannot be read
	ID() ID
	Topic() Topic
	Size() int64          // as the function Size
	Event() (Event, bool) // a copy; false if it was lost, which the Ledger's floor tells
	Close() error         // why Next could not read on; nil if there was no more
}

// Plan plans the answer to a query, for a log of which everything up to head may be shown.
func (l *Ledger) Plan(q Query, head ID) Plan {
	p := Plan{query: q, page: Page{Head: head, Mark: l.mark}}
	if names, missed := l.missed(q, head); missed {
		p.page.Gap = &Gap{Newest: l.removed(), Topics: names}
	}
	if q.Limit == 0 {
		p.query.Limit = MaxPage
	}
	if q.Until == (ID{}) || head.Less(q.Until) {
		p.query.Until = head
	}
	p.query.After = q.After.Min(p.query.Until)
	p.topics, p.whole = l.choose(p.query)
	return p
}

// Read reads what was planned.
func (p Plan) Read(r Reader) (page Page, err error) {
	page = p.page
	after := p.query.After
	if p.query.Newest > 0 || p.query.NewestBytes > 0 {
		if after, page.Older, err = p.newest(r); err != nil {
			return Page{}, err
		}
	}
	rest := p.merge(func(a *Account) Cursor { return r.Forward(a, after) }, false)
	page.Reached = after
	var bytes int64
	for c := rest.first(); c != nil; c = rest.next() {
		if p.query.Until.Less(c.ID()) {
			break
		}
		full := len(page.Events) == p.query.Limit || p.query.Bytes > 0 && bytes >= p.query.Bytes
		if taken := p.takes(c); taken && full || rest.steps > maxSteps {
			page.More = true
			break
		} else if taken {
			if e, ok := c.Event(); ok {
				page.Events = append(page.Events, e)
				bytes += c.Size()
			}
		}
		page.Reached = c.ID()
	}
	if !page.More {
		page.Reached = p.query.Until
	}
	if page.Gap != nil {
		page.Gap.Oldest = page.Reached
		if len(page.Events) > 0 {
			page.Gap.Oldest = page.Events[0].ID
		}
	}
	return page, rest.close()
}

// newest is the position just before the newest events that the query wants, and whether there are older ones.
func (p Plan) newest(r Reader) (position ID, older bool, err error) {
	rest := p.merge(func(a *Account) Cursor { return r.Backward(a, p.query.Until) }, true)
	position = p.query.Until
	var count int
	var bytes int64
	for c := rest.first(); c != nil && p.query.After.Less(c.ID()) && rest.steps <= maxSteps; c = rest.next() {
		if !p.takes(c) {
			continue
		}
		bytes += c.Size()
		if p.query.Newest > 0 && count == p.query.Newest || p.query.NewestBytes > 0 && count > 0 && bytes > p.query.NewestBytes {
			older = true
			break
		}
		count++
		position = c.ID().Before()
	}
	return position, older, rest.close()
}

// takes says whether the query wants the event at which a cursor stands.
func (p Plan) takes(c Cursor) bool {
	return !p.whole || p.query.Topics.IsZero() || p.query.Topics.Match(c.Topic())
}

// merge reads the plan's topics side by side, or the whole log.
func (p Plan) merge(open func(*Account) Cursor, backward bool) *merged {
	m := &merged{backward: backward}
	if p.whole {
		m.all = []Cursor{open(nil)}
	}
	for i := range p.topics {
		m.all = append(m.all, open(&p.topics[i]))
	}
	for _, c := range m.all {
		if c.Next() {
			m.standing = append(m.standing, c)
		}
	}
	heap.Init(m)
	return m
}

// merged is cursors that are read as one: a heap of those that stand at an event, the one that comes first on top.
type merged struct {
	all      []Cursor
	standing []Cursor
	backward bool
	steps    int // events passed
}

// first is the cursor whose event comes first, nil if there is none.
func (m *merged) first() Cursor {
	if len(m.standing) == 0 {
		return nil
	}
	return m.standing[0]
}

// next passes that event, and is the first again.
func (m *merged) next() Cursor {
	m.steps++
	if m.standing[0].Next() {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	return m.first()
}

func (m *merged) close() (err error) {
	for _, c := range m.all {
		if closeErr := c.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}

func (m *merged) Len() int { return len(m.standing) }
func (m *merged) Less(i, j int) bool {
	if m.backward {
		i, j = j, i
	}
	return m.standing[i].ID().Less(m.standing[j].ID())
}
func (m *merged) Swap(i, j int) { m.standing[i], m.standing[j] = m.standing[j], m.standing[i] }
func (m *merged) Push(x any)    { m.standing = append(m.standing, x.(Cursor)) }
func (m *merged) Pop() any {
	last := m.standing[len(m.standing)-1]
	m.standing = m.standing[:len(m.standing)-1]
	return last
}
