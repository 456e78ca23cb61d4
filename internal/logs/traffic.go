package logs

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kataras/golog"
)

// Traffic logs what clients do. At debug each publish, refused request and stream end has a line. At info refused
// requests and disconnected clients are rate-limited by Lines, and normal traffic is summed up in one line for each
// minute that had any. It is safe for concurrent use.
type Traffic struct {
	published, opened, ended atomic.Int64 // since the last report
	due                      atomic.Bool  // a report is scheduled

	refused *Lines[refusals]
	cut     *Lines[int]
	failed  *Lines[int]
}

// refusals are the requests that got no line of their own.
type refusals struct {
	statuses   map[int]int
	turnedAway int // streams
}

// NewTraffic returns a Traffic.
func NewTraffic() *Traffic {
	return &Traffic{refused: NewLines(refusals.log),
		cut:    NewLines(func(more int) { golog.Info("More clients were disconnected", Fields{"count": more}) }),
		failed: NewLines(func(more int) { golog.Error("More requests failed", Fields{"count": more}) })}
}

func (r refusals) log() {
	fields := Fields{}
	for status, n := range r.statuses {
		fields[fmt.Sprint("status_", status)] = n
	}
	if len(fields) > 0 {
		golog.Info("More requests were refused", fields)
	}
	if r.turnedAway > 0 {
		golog.Warn("Streams were turned away: all of -max-streams are taken", Fields{"count": r.turnedAway})
	}
}

// Entry is what the log says of a request or a stream; zero values are left out.
type Entry struct {
	Client
	Method, Path, Topics, Reason string
	Status                       int
	Bytes                        int64 // of the request's body
	took                         time.Duration
}

// Client is who sent a request, and when.
type Client struct {
	Peer      string // the address of the connection's other end
	Forwarded string // the clients that a proxy names, unverified
	Began     time.Time
}

// From returns the client of a request that began then.
func From(r *http.Request, began time.Time) Client {
	forwarded := r.Header.Get("X-Forwarded-For")
	if forwarded == "" {
		forwarded = r.Header.Get("Forwarded")
	}
	return Client{r.RemoteAddr, clipped(forwarded), began}
}

// done is the entry of a request that ends now.
func (e Entry) done() Entry {
	e.took = time.Since(e.Began)
	return e
}

func (e Entry) fields() Fields {
	fields := Fields{"duration_ms": milliseconds(e.took)}
	for name, text := range map[string]string{"peer": e.Peer, "forwarded": e.Forwarded, "method": e.Method,
		"path": clipped(e.Path), "topics": clipped(e.Topics), "reason": clipped(e.Reason)} {
		if text != "" {
			fields[name] = text
		}
	}
	if e.Status != 0 {
		fields["status"] = e.Status
	}
	if e.Bytes > 0 {
		fields["bytes"] = e.Bytes
	}
	return fields
}

// clipped bounds what a client wrote.
func clipped(text string) string {
	const most = 200 // bytes
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Published counts a request that wrote something. Like the methods below it calls entry only if a line may need it.
func (t *Traffic) Published(entry func() Entry) {
	t.count(&t.published)
	if Enabled(golog.DebugLevel) {
		golog.Debug("Published", entry().done().fields())
	}
}

// Opened counts a stream.
func (t *Traffic) Opened() { t.count(&t.opened) }

// Ended counts a stream that ended. Unless that was normal, the client was disconnected.
func (t *Traffic) Ended(normal bool, entry func() Entry) {
	switch {
	case normal:
		t.count(&t.ended)
	case Enabled(golog.InfoLevel) && !Enabled(golog.DebugLevel):
		e := entry().done()
		t.cut.Log(func() { golog.Info("A client was disconnected", e.fields()) }, func(more *int) { *more++ })
	}
	if Enabled(golog.DebugLevel) {
		golog.Debug("A stream ended", entry().done().fields())
	}
}

// Refused logs a request that was answered with an error.
func (t *Traffic) Refused(entry func() Entry) {
	switch {
	case Enabled(golog.DebugLevel):
		golog.Debug("A request was refused", entry().done().fields())
	case Enabled(golog.InfoLevel):
		e := entry().done()
		t.refused.Log(func() { golog.Info("A request was refused", e.fields()) }, func(rest *refusals) {
			if rest.statuses == nil {
				rest.statuses = map[int]int{}
			}
			rest.statuses[e.Status]++
		})
	}
}

// TurnedAway logs a stream for which there was no place.
func (t *Traffic) TurnedAway(entry func() Entry) {
	t.refused.Log(nil, func(rest *refusals) { rest.turnedAway++ })
	if Enabled(golog.DebugLevel) {
		golog.Debug("A stream was turned away", entry().done().fields())
	}
}

// Failed logs a request that failed because of err, a bug or the machine.
func (t *Traffic) Failed(entry Entry, err error) {
	entry = entry.done()
	t.failed.Log(func() {
		fields := entry.fields()
		fields["error"] = err
		golog.Error("A request failed", fields)
	}, func(more *int) { *more++ })
}

// count adds one to a total. The first since the last report schedules the next.
func (t *Traffic) count(total *atomic.Int64) {
	if total.Add(1) == 1 && t.due.CompareAndSwap(false, true) {
		time.AfterFunc(time.Minute, t.report)
	}
}

// report logs the totals since the last report.
func (t *Traffic) report() {
	t.due.Store(false)
	published, opened, ended := t.published.Swap(0), t.opened.Swap(0), t.ended.Swap(0)
	if published+opened+ended > 0 {
		golog.Info("In the last minute",
			Fields{"published": published, "streams_opened": opened, "streams_ended": ended})
	}
}

// Flush logs what has been counted since the last report and summaries. It waits at most a few seconds for the log.
func (t *Traffic) Flush() {
	t.report()
	t.refused.Flush()
	t.cut.Flush()
	t.failed.Flush()
}
