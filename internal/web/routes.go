// Package web is the server's HTTP interface: New lists every URL. It knows the rules, and no particular store.
package web

import (
	"context"
	"io/fs"
	"net/http"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/logs"
	"iris-broadcast/internal/stream"
)

// Source is a log, and the broker that streams it.
type Source struct {
	stream.Log
	Stream func(iris.Context, delivery.Reading) error // Broker.ServeHTTP
}

// source is where those topics are.
func (s *Site) source(topics stream.Selection) Source {
	if topics.Internal() {
		return s.Own
	}
	return s.Events
}

// Site is what the handlers need.
type Site struct {
	Events  Source // what clients publish
	Own     Source // the server's own topics
	Board   board.Store
	Damage  func() []string // parts of the store that were damaged and set aside
	Streams func() int      // how many streams are open
	Lists   interface {
		Inc()
		Dec()
	} // counts the lists being read
	Metrics http.Handler                // for Prometheus
	Traffic *logs.Traffic               // logs the requests
	Closing func() bool                 // the server is shutting down
	Views   fs.FS                       // HTML templates
	Public  fs.FS                       // files below /public
	MaxData int64                       // maximum size of an event's data, in bytes
	Access                              // who may read and write
	check   *http.CrossOriginProtection // made by New
	assets  map[string]asset            // of Public, by path
	lists   chan struct{}               // holds a token for each list being read
}

// New returns the handler of every URL.
func New(s Site) (http.Handler, error) {
	app, answer := iris.New(), s.answer
	if err := s.prepare(app); err != nil {
		return nil, err
	}
	app.UseRouter(s.recover, s.limitTime, s.headers, answer(s.crossOrigin))
	app.OnErrorCode(http.StatusNotFound, answer(s.unrouted))

	get := func(path string, h handler) { app.HandleMany("GET HEAD", path, answer(h)) }
	write := func(method, path string, h handler) { app.Handle(method, path, answer(s.logWrites(s.guardWrites(h)))) }

	get("/", s.home)
	get("/mini", s.mini)
	get("/public/{file:path}", s.file)
	get("/favicon.ico", s.icon)

	get("/events", s.events)
	get("/events/{topic:path}", s.events)
	write("POST", "/events/{topic:path}", s.publish)

	get("/sse", s.events)

	get("/api/v1/audits", s.listAudits)
	write("POST", "/api/v1/audits", s.addAudit)
	get("/audits", s.stored((*reader).auditsPage))
	write("POST", "/audits", s.postAudit)

	get("/api/v1/comments", inTurn(s.listComments))
	write("POST", "/api/v1/comments", s.addComment)
	write("PUT", "/api/v1/comments/{id}/like", s.like)
	write("DELETE", "/api/v1/comments/{id}/like", s.unlike)
	get("/comments", inTurn(s.commentsPage))
	write("POST", "/comments", s.postComment)
	write("POST", "/comments/{id}/like", s.postLike)

	get("/watch", s.watchPage)
	write("POST", "/watch", s.postWatched)

	get("/status", s.statusPage)
	get("/ping", s.pingPage)
	get("/time", inTurn(s.timePage))

	get("/healthz", s.health)
	get("/readyz", s.ready)
	get("/metrics", s.metrics)

	err := app.Configure(iris.WithoutPathCorrection, iris.WithoutStartupLog, iris.WithoutServerError()).Build()
	return app, err
}

// answerTimeout is how long a client may take to receive an answer other than a stream; of an export, each part.
const answerTimeout = time.Minute

// limitTime sets deadlines for reading the body and for writing the answer. The server's ReadTimeout and WriteTimeout
// would end every stream as well, which instead sets deadlines of its own.
func (s *Site) limitTime(ctx iris.Context) {
	rc := http.NewResponseController(ctx.ResponseWriter().Naive())
	if r := ctx.Request(); r.Body != nil && r.Body != http.NoBody {
		rc.SetReadDeadline(time.Now().Add(s.bodyTimeout()))
	}
	rc.SetWriteDeadline(time.Now().Add(answerTimeout))
	ctx.Next()
}

// bodyTimeout is ten seconds, and one more for each 64 KiB of -max-data.
func (s *Site) bodyTimeout() time.Duration {
	return 10*time.Second + time.Duration(s.MaxData)*time.Second/(64<<10)
}

// health reports that the process answers, and how many streams are open; or that only a restart can help.
func (s *Site) health(ctx iris.Context) error {
	if err := s.Events.Ready(ctx.Request().Context()); stream.AsError(err).Code == stream.Broken {
		return unavailable(ctx, "the store: "+stream.AsError(err).Detail)
	}
	writeJSON(ctx, http.StatusOK, iris.Map{"status": "ok", "streams": s.Streams()})
	return nil
}

// metrics answers with the metrics for Prometheus.
func (s *Site) metrics(ctx iris.Context) error {
	setHeader(ctx, "Cache-Control", "no-store")
	s.Metrics.ServeHTTP(ctx.ResponseWriter(), ctx.Request())
	return nil
}

// unavailable answers a probe with 503 and the reasons.
func unavailable(ctx iris.Context, reasons ...string) error {
	setHeader(ctx, "Retry-After", retryAfter)
	writeJSON(ctx, http.StatusServiceUnavailable, iris.Map{"status": "unavailable", "reasons": reasons})
	return nil
}

// ready reports whether the server can do its work: it is not shutting down, and its store is writable.
func (s *Site) ready(ctx iris.Context) error {
	var reasons []string
	if s.Closing() {
		reasons = append(reasons, "the server is shutting down")
	}
	within, cancel := context.WithTimeout(ctx.Request().Context(), 5*time.Second)
	defer cancel()
	if err := s.Events.Ready(within); err != nil {
		reasons = append(reasons, "the store: "+stream.AsError(err).Detail)
	}
	if reasons != nil {
		return unavailable(ctx, reasons...)
	}
	status := iris.Map{"status": "ok", "streams": s.Streams()}
	if damage := s.Damage(); damage != nil {
		status["damage"] = damage
	}
	writeJSON(ctx, http.StatusOK, status)
	return nil
}
