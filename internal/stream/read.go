package stream

import (
	"cmp"
	"container/heap"
)

// maxSteps is how many events a Page examines to find those of the many topics that a pattern matches.
const maxSteps = 4096

// Plan is how a log answers a Query: the Ledger's part of it. The events are read afterwards, from the same snapshot of
// the store.
type Plan struct {
	query  Query
	topics []Account // to be read side by side
	whole  bool      // they are too many for that: read the log in its own order
	page   Page      // without its events
}

// Reader opens cursors over a log, all on the snapshot that a Plan is for.
type Reader interface {
	// Forward returns a cursor over the events after a position, oldest first; Backward one over those up to a
	// position, newest first. They are of one topic or, if a is nil, of the whole log.
	Forward(a *Account, after ID) Cursor
	Backward(a *Account, from ID) Cursor
}

// Cursor walks stored events. All methods but Next and Close describe the current one.
type Cursor interface {
	Next() bool // moves to the next event, initially the first; false at the end or if it cannot be read
	ID() ID
	Topic() Topic
	Size() int64          // like the function Size
	Event() (Event, bool) // a copy; false if it was lost, which the Ledger's floor shows
	Close() error         // why Next could not read, nil at the end
}

// Plan plans the answer to a query, of events up to head.
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

// Read reads the planned page.
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
		if wanted := p.wants(c); wanted && full || rest.steps > maxSteps {
			page.More = true
			break
		} else if wanted {
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

// newest returns the position just before the newest events that the query wants, and whether there are older ones.
func (p Plan) newest(r Reader) (position ID, older bool, err error) {
	rest := p.merge(func(a *Account) Cursor { return r.Backward(a, p.query.Until) }, true)
	position = p.query.Until
	var count int
	var bytes int64
	for c := rest.first(); c != nil && p.query.After.Less(c.ID()) && rest.steps <= maxSteps; c = rest.next() {
		if !p.wants(c) {
			continue
		}
		bytes += c.Size()
		most := p.query.NewestBytes
		if p.query.Newest > 0 && count == p.query.Newest || most > 0 && count > 0 && bytes > most {
			older = true
			break
		}
		count++
		position = c.ID().Before()
	}
	return position, older, rest.close()
}

// wants reports whether the query selects a cursor's current event.
func (p Plan) wants(c Cursor) bool {
	return !p.whole || p.query.Topics.IsZero() || p.query.Topics.Match(c.Topic())
}

// merge opens cursors on the plan's topics, or on the whole log.
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
			m.heads = append(m.heads, c)
		}
	}
	heap.Init(m)
	return m
}

// merged reads cursors as one: a heap of those that have an event, the first one on top.
type merged struct {
	all      []Cursor
	heads    []Cursor // at their next event
	backward bool
	steps    int // events passed
}

// first is the cursor with the first event, nil if there is none.
func (m *merged) first() Cursor {
	if len(m.heads) == 0 {
		return nil
	}
	return m.heads[0]
}

// next skips that event, and returns first again.
func (m *merged) next() Cursor {
	m.steps++
	if m.heads[0].Next() {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	return m.first()
}

func (m *merged) close() (err error) {
	for _, c := range m.all {
		err = cmp.Or(err, c.Close())
	}
	return err
}

func (m *merged) Len() int { return len(m.heads) }
func (m *merged) Less(i, j int) bool {
	if m.backward {
		i, j = j, i
	}
	return m.heads[i].ID().Less(m.heads[j].ID())
}
func (m *merged) Swap(i, j int) { m.heads[i], m.heads[j] = m.heads[j], m.heads[i] }
func (m *merged) Push(x any)    { m.heads = append(m.heads, x.(Cursor)) }
func (m *merged) Pop() any {
	last := m.heads[len(m.heads)-1]
	m.heads = m.heads[:len(m.heads)-1]
	return last
}
