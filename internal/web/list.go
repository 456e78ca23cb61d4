package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kataras/golog"
	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// The bounds of a list. It is written as its reader takes it, so that it takes the server no more than a page and a
// part.
const (
	defaultLimit = 100              // events, if the reader does not say
	listBytes    = 1 << 20          // of data, about, after which a list ends
	pageBytes    = 64 << 10         // of events that are read at a time
	partBytes    = 32 << 10         // that are written at a time
	partTimeout  = 10 * time.Second // for a part to be taken
	maxPages     = 64               // that are read for one list
	maxLists     = 256              // that are under way at once
)

// scanned is how far a scan came.
type scanned struct {
	reached stream.ID
	more    bool
	older   bool        // there are older ones than the first event
	gap     *stream.Gap // before it
}

// scan calls visit with the events that a query takes, read in pages, most of them, until visit returns false. It ends
// early where something has been removed meanwhile: who goes on from there is told of that gap.
func (r *reader) scan(q stream.Query, most int, visit func(stream.Event) bool) (to scanned, err error) {
	q.Bytes = pageBytes
	for pages := 0; ; pages++ {
		page, err := r.turn.Page(r.ctx.Request().Context(), r.Log, q)
		if err != nil {
			return to, err
		}
		switch {
		case pages == 0:
			to.gap, to.older = page.Gap, page.Older
		case page.Gap != nil:
			to.more = true
			return to, nil
		}
		for i, e := range page.Events {
			if !visit(e) {
				to.reached, to.more = e.ID, page.More || i+1 < len(page.Events)
				return to, nil
			}
		}
		if to.reached, to.more = page.Reached, page.More; !page.More || pages == most {
			return to, nil
		}
		q = stream.Query{Topics: q.Topics, After: page.Reached, Until: q.Until, Limit: q.Limit,
			Bytes: pageBytes, Told: page.Mark}
	}
}

// reader is a request for what is stored. It has a place among as many as may be under way.
type reader struct {
	*Site
	ctx  iris.Context
	turn stream.Turn
}

// stored is the handler that gives read one of those places.
func (s *Site) stored(read func(*reader) error) handler {
	return func(ctx iris.Context) error {
		select {
		case s.lists <- struct{}{}:
		default:
			return stream.Errorf(stream.Unavailable, "There are %d lists under way, as many as may be; ask again in a moment.", maxLists)
		}
		defer func() { <-s.lists }()
		r := &reader{Site: s, ctx: ctx}
		defer r.turn.End()
		return read(r)
	}
}

// inTurn is h, which waits for a turn to read what is stored.
func inTurn(h handler) handler {
	return func(ctx iris.Context) error {
		var turn stream.Turn
		defer turn.End()
		if err := turn.Next(ctx.Request().Context()); err != nil {
			return err // the reader has left
		}
		return h(ctx)
	}
}

// listing is a list as it is written.
type listing struct {
	ctx  iris.Context
	name string // of the field that holds what is listed
	part []byte // to be written
	any  bool   // something is listed
	next stream.ID
	sent bool // a part of it
	gone bool // the reader has left
}

// add lists an event, as that JSON value.
func (l *listing) add(id stream.ID, value []byte) {
	if l.any {
		l.part = append(l.part, ',')
	} else {
		l.begin()
	}
	l.part = append(l.part, value...)
	l.next = id
	l.flush(partBytes)
}

func (l *listing) begin() {
	l.any = true
	setHeader(l.ctx, "Cache-Control", "no-store")
	setHeader(l.ctx, "Content-Type", "application/json")
	l.part = append(l.part, `{"`+l.name+`":[`...)
}

// flush writes what there is, if it is that much.
func (l *listing) flush(least int) {
	if len(l.part) < least || l.gone {
		return
	}
	extendDeadline(l.ctx, partTimeout)
	if _, err := l.ctx.Write(l.part); err != nil {
		golog.Debugf("Answering: %v", err)
		l.gone = true
	}
	l.part = l.part[:0]
	l.sent = true
}

func extendDeadline(ctx iris.Context, by time.Duration) {
	http.NewResponseController(ctx.ResponseWriter().Naive()).SetWriteDeadline(time.Now().Add(by))
}

// listGap is a gap as a list shows it.
type listGap struct {
	Since  string    `json:"since"`
	Oldest stream.ID `json:"oldest"`
	Topics []string  `json:"topics"`
}

// end writes the rest: where to go on, and what was missing.
func (l *listing) end(to scanned, since string) {
	if !l.any {
		l.next = to.reached
		l.begin()
	}
	rest := struct {
		Next stream.ID `json:"next"`
		More bool      `json:"more,omitempty"`
		Gap  *listGap  `json:"gap,omitempty"`
	}{Next: l.next, More: to.more}
	if to.gap != nil {
		rest.Gap = &listGap{since, to.gap.Oldest, to.gap.Topics}
	}
	l.part = append(l.part, "],"...)
	l.part = append(l.part, stream.MustJSON(rest)[1:]...)
	l.part = append(l.part, '\n')
	if !l.sent {
		setHeader(l.ctx, "Content-Length", strconv.Itoa(len(l.part)))
	}
	l.flush(0)
	http.NewResponseController(l.ctx.ResponseWriter().Naive()).Flush() // while it is the reader's turn
}

// list answers with what encode makes of a query's events, limit of them at most; what it makes nothing of is left out.
func (r *reader) list(name string, q stream.Query, start stream.Start, limit int, encode func(stream.Event) []byte) error {
	l := &listing{ctx: r.ctx, name: name}
	count, bytes := 0, 0
	to, err := r.scan(q, maxPages, func(e stream.Event) bool {
		value := encode(e)
		if value == nil {
			return true
		}
		l.add(e.ID, value)
		count++
		bytes += len(e.Data)
		return count < limit && bytes < listBytes && !l.gone
	})
	if err != nil {
		return err
	}
	l.end(to, start.Given)
	return nil
}

// listEvents answers with events that are stored.
func (r *reader) listEvents() error {
	request := r.ctx.Request().Clone(r.ctx.Request().Context())
	request.Header.Del("Last-Event-ID") // a list begins where its query says
	reading, err := ParseReading(request)
	if err != nil {
		return err
	}
	limit, err := parseLimit(request.URL.Query(), reading.Start)
	if err != nil {
		return err
	}
	q := reading.Start.List(reading.Topics, limit)
	return r.list("events", q, reading.Start, limit, func(e stream.Event) []byte { return []byte(stream.MustJSON(e)) })
}

// parseLimit reads limit=. Without it a list that names how many of the newest it wants has as many.
func parseLimit(query url.Values, start stream.Start) (int, error) {
	if !query.Has("limit") {
		return max(start.Last, defaultLimit), nil
	}
	n, err := strconv.Atoi(query.Get("limit"))
	if err != nil || n < 1 || n > stream.MaxPage {
		return 0, stream.Errorf(stream.Invalid, "limit is a whole number from 1 to %d.", stream.MaxPage)
	}
	return n, nil
}
