// Package web is the server's HTTP face: every URL stands in New. It knows the rules of the events and never a store.
package web

import (
	"context"
	"io/fs"
	"net/http"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/stream"
)

// Source is a log, and what streams from it.
type Source struct {
	stream.Log
	Stream func(iris.Context, delivery.Reading) error // Broker.ServeHTTP
}

// source is where a selection is to be read.
func (s *Site) source(topics stream.Selection) Source {
	if topics.Internal() {
		return s.Own
	}
	return s.Events
}

// Site is what the pages and URLs are made of.
type Site struct {
	Events  Source // what clients publish
	Own     Source // the server's own topics
	Board   board.Store
	Damage  func() []string             // what was damaged in the store, and is set aside
	Streams func() int                  // how many are open
	Metrics http.Handler                // every figure of the server, for Prometheus
	Closing func() bool                 // the server is about to end
	Views   fs.FS                       // HTML templates
	Public  fs.FS                       // what browsers fetch below /public
	MaxData int64                       // bytes of an event's data
	Access                              // who may read and write
	check   *http.CrossOriginProtection // made by New
	assets  map[string]asset            // of Public, by path
	lists   chan struct{}               // holds a token for each list that is under way
}

// New returns the handler of every URL there is.
func New(s Site) (http.Handler, error) {
	app := iris.New()
	if err := s.prepare(app); err != nil {
		return nil, err
	}
	app.UseRouter(s.recover, s.limitTime, s.headers, s.crossOrigin)
	app.OnErrorCode(http.StatusNotFound, s.unrouted)

	get := func(path string, handlers ...iris.Handler) { app.HandleMany("GET HEAD", path, handlers...) }

	get("/", s.home)
	get("/mini", s.mini)
	get("/public/{file:path}", s.file)
	get("/favicon.ico", s.icon)

	get("/events", s.events)
	get("/events/{topic:path}", s.events)
	app.Post("/events/{topic:path}", s.mayWrite, s.publish)

	get("/sse", s.events)

	get("/api/v1/audits", s.listAudits)
	app.Post("/api/v1/audits", s.mayWrite, s.addAudit)
	get("/audits", s.auditsPage)
	app.Post("/audits", s.mayWrite, s.postAudit)

	get("/api/v1/comments", inTurn, s.listComments)
	app.Post("/api/v1/comments", s.mayWrite, s.addComment)
	app.Put("/api/v1/comments/{id}/like", s.mayWrite, s.like)
	app.Delete("/api/v1/comments/{id}/like", s.mayWrite, s.unlike)
	get("/comments", inTurn, s.commentsPage)
	app.Post("/comments", s.mayWrite, s.postComment)
	app.Post("/comments/{id}/like", s.mayWrite, s.postLike)

	get("/watch", s.watchPage)
	app.Post("/watch", s.mayWrite, s.postWatched)

	get("/status", s.statusPage)
	get("/ping", s.pingPage)
	get("/time", inTurn, s.timePage)

	get("/healthz", s.health)
	get("/readyz", s.ready)
	get("/metrics", s.metrics)

	err := app.Configure(iris.WithoutPathCorrection, iris.WithoutStartupLog, iris.WithoutServerError()).Build()
	return app, err
}

// answerTimeout is how long a client may take to receive an answer that is no stream; of an export, each part of it.
const answerTimeout = time.Minute

// limitTime gives a body a time to arrive in, and the answer one to be taken. The server's own ReadTimeout and WriteTimeout
// would do that too, and end every stream: those set deadlines of their own.
func (s *Site) limitTime(ctx iris.Context) {
	rc := http.NewResponseController(ctx.ResponseWriter().Naive())
	if r := ctx.Request(); r.Body != nil && r.Body != http.NoBody {
		rc.SetReadDeadline(time.Now().Add(s.bodyTimeout()))
	}
	rc.SetWriteDeadline(time.Now().Add(answerTimeout))
	ctx.Next()
}

// bodyTimeout is ten seconds, and one more for each 64 KiB that a body may have.
func (s *Site) bodyTimeout() time.Duration {
	return 10*time.Second + time.Duration(s.MaxData)*time.Second/(64<<10)
}

// health says that the process answers, and how many streams it has.
func (s *Site) health(ctx iris.Context) {
	writeJSON(ctx, http.StatusOK, iris.Map{"status": "ok", "streams": s.Streams()})
}

// metrics tells every figure of the server.
func (s *Site) metrics(ctx iris.Context) {
	setHeader(ctx, "Cache-Control", "no-store")
	s.Metrics.ServeHTTP(ctx.ResponseWriter(), ctx.Request())
}

// ready says whether the server is of use: it is not about to end, and its store answers.
func (s *Site) ready(ctx iris.Context) {
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
		writeJSON(ctx, http.StatusServiceUnavailable, iris.Map{"status": "unavailable", "reasons": reasons})
		return
	}
	status := iris.Map{"status": "ok", "streams": s.Streams()}
	if damage := s.Damage(); damage != nil {
		status["damage"] = damage
	}
	writeJSON(ctx, http.StatusOK, status)
}
