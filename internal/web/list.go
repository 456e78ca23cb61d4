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

// The bounds of a list. It is written as its client reads it, so the server holds at most a page and a part of it.
const (
	defaultLimit = 100              // events, without limit=
	listBytes    = 1 << 20          // of data, approximately, after which a list ends
	pageBytes    = 64 << 10         // of events read at a time
	partBytes    = 32 << 10         // written at a time
	partTimeout  = 10 * time.Second // for the client to read a part
	maxPages     = 64               // read for one list
	maxLists     = 256              // at once
)

// progress is how far a scan got.
type progress struct {
	reached stream.ID
	more    bool        // there may be events after reached
	older   bool        // there are events before the first one visited
	gap     *stream.Gap // before the first one visited
}

// scan calls visit with the events that match a query, which it reads in at most pageLimit pages, until visit returns
// false. It ends early where events were removed meanwhile, so that a client that continues from there learns of the
// gap.
func (r *reader) scan(q stream.Query, pageLimit int, visit func(stream.Event) bool) (to progress, err error) {
	q.Bytes = pageBytes
	for pages := 0; ; pages++ {
		page, err := r.turn.Page(r.ctx.Request().Context(), r.source(q.Topics), q)
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
		if to.reached, to.more = page.Reached, page.More; !page.More || pages+1 == pageLimit {
			return to, nil
		}
		q = stream.Query{Topics: q.Topics, After: page.Reached, Until: q.Until, Limit: q.Limit,
			Bytes: pageBytes, Told: page.Mark}
	}
}

// reader is a request that reads the log; at most maxLists run at once.
type reader struct {
	*Site
	ctx  iris.Context
	turn stream.Turn
}

// stored returns the handler that runs read as one of those, and refuses requests beyond them.
func (s *Site) stored(read func(*reader) error) handler {
	return func(ctx iris.Context) error {
		select {
		case s.lists <- struct{}{}:
		default:
			return stream.Errorf(stream.Unavailable,
				"%d lists are being read, the most allowed at once; try again in a moment.", maxLists)
		}
		s.Lists.Inc()
		defer func() {
			s.Lists.Dec()
			<-s.lists
		}()
		r := &reader{Site: s, ctx: ctx}
		defer r.turn.End()
		return read(r)
	}
}

// inTurn makes requests wait for their turn to read the log.
func inTurn(h handler) handler {
	return func(ctx iris.Context) error {
		var turn stream.Turn
		defer turn.End()
		if err := turn.Next(ctx.Request().Context()); err != nil {
			return err // the client has left
		}
		return h(ctx)
	}
}

// listing is a list that is being written.
type listing struct {
	ctx  iris.Context
	name string    // of the field that holds the elements
	part []byte    // not written yet
	any  bool      // has an element
	next stream.ID // where the next list begins
	sent bool      // a part has been written
	gone bool      // the client has left
}

// add appends an element: the JSON value of an event.
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

// flush writes the part if it has at least that many bytes.
func (l *listing) flush(least int) {
	if len(l.part) < least || l.gone {
		return
	}
	extendDeadline(l.ctx, partTimeout)
	if _, err := l.ctx.Write(l.part); err != nil {
		golog.Debugf("Writing the answer: %v", err)
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

// end writes the rest: where the next list begins, and the gap.
func (l *listing) end(to progress, since string) {
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
	http.NewResponseController(l.ctx.ResponseWriter().Naive()).Flush() // while it has its turn
}

// list answers with at most limit of the events that match a query, each as encode returns it; nil leaves it out.
func (r *reader) list(name string, q stream.Query, start stream.Start, limit int,
	encode func(stream.Event) []byte) error {
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

// listEvents answers with stored events.
func (r *reader) listEvents() error {
	request := r.ctx.Request().Clone(r.ctx.Request().Context())
	request.Header.Del("Last-Event-ID") // a list begins where its query says
	reading, err := parseReading(request)
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

// parseLimit reads limit=; the default is last=, or defaultLimit.
func parseLimit(query url.Values, start stream.Start) (int, error) {
	if !query.Has("limit") {
		return max(start.Last, defaultLimit), nil
	}
	n, err := strconv.Atoi(query.Get("limit"))
	if err != nil || n < 1 || n > stream.MaxPage {
		return 0, stream.Errorf(stream.Invalid, "limit must be a whole number from 1 to %d.", stream.MaxPage)
	}
	return n, nil
}
