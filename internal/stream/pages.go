package stream

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	sharedPages = 16          // pages held
	sharedBytes = 128 << 10   // of events in each, at most; see Size
	sharedTime  = time.Second // how long each is passed on
)

// Pages reads a log for streams that are behind. Clients that were cut off together have missed the same events, so a
// page that was read in the last second is passed on, with its encodings, instead of being read again: the reader is
// then as if it had been slow for that long. The last page is always read, and so is one with a gap. Pages end at the
// same few events for all, so that readers from different positions soon share them. Safe for concurrent use.
type Pages struct {
	Log

	mu   sync.Mutex
	held []heldPage // oldest first
}

// NewPages returns Pages of a log.
func NewPages(log Log) *Pages { return &Pages{Log: log} }

// Page is like Log.Page, but a page with More may be up to a second old. Nobody may change its events.
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

// cut ends the page at the last event that may end one, if there is any: one in 64, by a hash of the ID.
func (p *Page) cut() {
	const odd = 0x9E3779B97F4A7C15 // 2^64 / the golden ratio: spreads IDs evenly (Knuth, TAOCP 3, section 6.4)
	for i, e := range slices.Backward(p.Events) {
		if (e.ID.Ms*odd^e.ID.Seq)*odd>>58 == 0 {
			p.Events, p.Reached = p.Events[:i+1], e.ID
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

// find finds a page for a reader that was told of all gaps up to told. A page for one that was told less serves it too.
func (p *Pages) find(q heldQuery, told ID) (Page, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(0)
	for _, h := range p.held {
		if h.query == q && !told.Less(h.told) {
			h.page.Mark = h.page.Mark.Max(told)
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
}

// drop drops old pages, and the oldest that must make room.
func (p *Pages) drop(room int) {
	n := 0
	for n < len(p.held) && (len(p.held)-n+room > sharedPages || time.Since(p.held[n].read) > sharedTime) {
		n++
	}
	p.held = slices.Delete(p.held, 0, n)
}

// encodings is a page's events as bytes, by form.
type encodings struct {
	mu    sync.Mutex
	bytes [2][]byte
}

// Encoded returns what encode makes of the page's events in that form, 0 or 1: once for all readers that share the
// page. It returns false if the page is not shared. Nobody may change the bytes.
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
