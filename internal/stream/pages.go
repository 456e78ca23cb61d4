package stream

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	sharedPages = 16          // pages held at a time
	sharedBytes = 128 << 10   // of events in each, at most; see Size
	sharedTime  = time.Second // how long each is held
)

// Pages reads a log for streams that are behind. Clients that were cut off together have missed the same events, so a
// page is held for a second after it was read, with its encodings, and shared: a reader that gets it is as if it had
// been slow for that long. The last page, and any with a gap, is read for each reader. Pages end at the same few events
// for all, so that readers from different positions soon share them. Safe for concurrent use.
type Pages struct {
	Log

	mu   sync.Mutex
	held []heldPage // in the order in which they make room
}

// NewPages returns Pages of a log.
func NewPages(log Log) *Pages { return &Pages{Log: log} }

// Page is like Log.Page, but a page with More may be up to a second old, and its events must not be modified.
func (p *Pages) Page(ctx context.Context, q Query) (Page, error) {
	wanted := heldQuery{strings.Join(q.Topics.Names(), " "), q.After, q.Until, q.Limit, q.Newest, q.Bytes,
		q.NewestBytes, q.Anywhere}
	if page, ok := p.find(wanted, q.Told); ok {
		return page, nil
	}
	read := time.Now()
	page, err := p.Log.Page(ctx, q)
	if err != nil || page.Gap != nil || !page.More || len(page.Events) == 0 {
		return page, err
	}
	page.cut()
	var bytes int64
	for _, e := range page.Events {
		bytes += Size(e)
	}
	if bytes <= sharedBytes {
		page.encodings = &encodings{}
		p.hold(heldPage{wanted, q.Told, page, read})
	}
	return page, nil
}

// cut ends the page at the last event that may end one, if there is any: one in 64, by a hash of the ID. The events are
// copied, since the rest may be large and must not be held with them.
func (p *Page) cut() {
	const odd = 0x9E3779B97F4A7C15 // 2^64 / the golden ratio: spreads IDs evenly (Knuth, TAOCP 3, section 6.4)
	for i, e := range slices.Backward(p.Events) {
		if (e.ID.Ms*odd^e.ID.Seq)*odd>>58 == 0 {
			p.Events, p.Reached = slices.Clone(p.Events[:i+1]), e.ID
			return
		}
	}
}

type heldPage struct {
	query heldQuery
	told  ID
	page  Page
	read  time.Time
}

// heldQuery is a Query that can be compared, but for Told.
type heldQuery struct {
	topics             string
	after, until       ID
	limit, newest      int
	bytes, newestBytes int64
	anywhere           bool
}

// find returns a held page for a reader that knows of all gaps up to told. One that was read for a reader that knew of
// fewer serves it too. Its Mark may be below told: of what was removed between the two, the reader gets what is in the
// page, and so must learn again that there is no more.
func (p *Pages) find(q heldQuery, told ID) (Page, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(0)
	for _, h := range p.held {
		if h.query == q && !told.Less(h.told) {
			return h.page, true
		}
	}
	return Page{}, false
}

func (p *Pages) hold(h heldPage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = slices.DeleteFunc(p.held, func(old heldPage) bool { return old.query == h.query })
	p.drop(1)
	p.held = append(p.held, h)
	time.AfterFunc(sharedTime, func() { // nobody may ask again
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drop(0)
	})
}

// drop drops the pages that are too old, then the first until there is room for so many more.
func (p *Pages) drop(room int) {
	p.held = slices.DeleteFunc(p.held, func(h heldPage) bool { return time.Since(h.read) >= sharedTime })
	p.held = slices.Delete(p.held, 0, max(0, len(p.held)+room-sharedPages))
}

// encodings is a page's events as bytes, by form.
type encodings struct {
	mu    sync.Mutex
	bytes [2][]byte
}

// Encoded returns the page's events as encode encodes them in that form, 0 or 1, once for all readers of a shared page.
// The bytes must not be modified. It returns false if the page is not shared.
func (p Page) Encoded(form int, encode func([]Event) []byte) (bytes []byte, shared bool) {
	if p.encodings == nil {
		return nil, false
	}
	p.encodings.mu.Lock()
	defer p.encodings.mu.Unlock()
	if p.encodings.bytes[form] == nil {
		p.encodings.bytes[form] = encode(p.Events)
	}
	return p.encodings.bytes[form], true
}
