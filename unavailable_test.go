package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/config"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// brokenLog is a log whose store has failed.
type brokenLog struct{ stream.Log }

const diskFull = "The disk is full."

var errDisk = stream.Errorf(stream.Unavailable, diskFull)

func (brokenLog) Append(context.Context, ...stream.Event) ([]stream.ID, error)  { return nil, errDisk }
func (brokenLog) Page(context.Context, stream.Query) (p stream.Page, err error) { return p, errDisk }

func (brokenLog) Ready(context.Context) error { return errDisk }

// Head works once, for the broker's start.
func (b *brokenHead) Head(ctx context.Context) (stream.ID, error) {
	if b.started.Swap(true) {
		return stream.ID{}, errDisk
	}
	return b.brokenLog.Head(ctx)
}

type brokenHead struct {
	brokenLog
	started atomic.Bool
}

// onLog is a store whose log is another one, to which what happens on its board goes too.
type onLog struct {
	stream.Log
	*memory.Store
}

func (s onLog) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	return s.Log.Append(ctx, events...)
}
func (s onLog) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	return s.Log.Page(ctx, q)
}
func (s onLog) Head(ctx context.Context) (stream.ID, error) { return s.Log.Head(ctx) }
func (s onLog) Ready(ctx context.Context) error             { return s.Log.Ready(ctx) }
func (s onLog) Follow(ctx context.Context, after stream.ID, deliver func(stream.Batch) error) error {
	return s.Log.Follow(ctx, after, deliver)
}
func (s onLog) AddComment(ctx context.Context, c board.Comment) error {
	_, err := s.Log.Append(ctx, board.Commented(c))
	return err
}
func (s onLog) List(ctx context.Context, visitor board.Visitor, limit, offset int) (board.List, error) {
	if _, err := s.Log.Head(ctx); err != nil {
		return board.List{}, err
	}
	return s.Store.List(ctx, visitor, limit, offset)
}

// handle serves a node on that log, in a context that may have ended.
func handle(t *testing.T, ctx context.Context, log stream.Log) *site {
	t.Helper()
	settings, err := config.Parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	node, err := newNode(ctx, settings, onLog{log, memory.New(logtest.Generous)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(node.server.Handler)
	t.Cleanup(func() {
		node.close()
		server.Close()
	})
	return &site{node: node, t: t, url: server.URL}
}

// refuses fails the test unless a request, given as "GET /path", is answered with that status and says why.
func (s *site) refuses(request, body string, status int, why string) (header http.Header) {
	s.t.Helper()
	request, accept, _ := strings.Cut(request, " | ")
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	response, err := client0.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(response.Body)
	if response.StatusCode != status || !strings.Contains(string(said), why) {
		s.t.Errorf("%s: %s %q, want %d and %q", request, response.Status, said, status, why)
	}
	return response.Header
}

const asList = " | application/json"

func TestAServerThatCannotWorkSaysWhy(t *testing.T) {
	log := memory.New(logtest.Generous)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	handle(t, ended, log).refuses("GET /readyz", "", 503,
		`{"reasons":["the server is shutting down"],"status":"unavailable"}`)
	s := handle(t, t.Context(), &brokenHead{brokenLog: brokenLog{log}})
	s.refuses("GET /healthz", "", 200, `"status":"ok"`)
	s.refuses("GET /readyz", "", 503, "the store: "+diskFull)
	for request, body := range map[string]string{
		"GET /events/a": "", "GET /events/a?last=3": "", "GET /events/a" + asList: "", "POST /events/a": "x",
		"GET /api/v1/audits" + asList: "", "GET /api/v1/audits?format=csv": "", "POST /api/v1/audits": `{"id":"1"}`,
		"GET /api/v1/comments": "", "POST /api/v1/comments": `{"content":"x"}`,
		"GET /time | text/html": "",
	} {
		header := s.refuses(request, body, 503, diskFull)
		if header.Get("Retry-After") != "5" {
			t.Errorf("%s: Retry-After is %q", request, header.Get("Retry-After"))
		}
		kind := header.Get("Content-Type")
		if !strings.Contains(request, "html") && kind != "application/problem+json" {
			t.Errorf("%s: an error of type %q", request, kind)
		}
	}
}

func TestAFailedReadFreesItsPlaceForOtherLists(t *testing.T) {
	s := handle(t, t.Context(), &brokenHead{brokenLog: brokenLog{memory.New(logtest.Generous)}})
	for _, request := range []string{
		"GET /events/a" + asList, "GET /api/v1/audits" + asList, "GET /api/v1/audits?actor=x" + asList,
		"GET /api/v1/audits?format=csv", "GET /api/v1/audits?format=jsonl&action=x", "GET /audits | text/html",
	} {
		for range 300 { // more than there are places
			if s.refuses(request, "", 503, diskFull); t.Failed() {
				return
			}
		}
	}
}
