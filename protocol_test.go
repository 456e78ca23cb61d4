package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
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

// exchange is one rule of the HTTP face: a request, and what of its answer is fixed.
type exchange struct {
	request string            // method, path, and after " | " headers as Name: value, with " | " between them
	body    string            // of the request
	status  int               // of the answer
	headers map[string]string // of the answer; "" means that it must not be there
	says    string            // a part of the answer's body
}

// try sends the request to s and compares the answer.
func (e exchange) try(t *testing.T, s *site) {
	t.Helper()
	parts := strings.Split(e.request, " | ")
	method, path, _ := strings.Cut(parts[0], " ")
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(e.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range parts[1:] {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Add(name, value)
	}
	response, err := client0.Transport.RoundTrip(request) // follows no redirect
	if err != nil {
		t.Errorf("%s: %v", e.request, err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != e.status {
		t.Errorf("%s: status %d, want %d", e.request, response.StatusCode, e.status)
	}
	for name, want := range e.headers {
		if got := strings.Join(response.Header.Values(name), ", "); got != want {
			t.Errorf("%s: %s is %q, want %q", e.request, name, got, want)
		}
	}
	body := readSome(response)
	if !strings.Contains(body, e.says) {
		t.Errorf("%s: says %q, want %q in it", e.request, body, e.says)
	}
	if method == http.MethodHead || path == "/readyz" { // no body, or one of its own
		return
	}
	if response.StatusCode >= 400 && response.Header.Get("Content-Type") == "application/problem+json" {
		var p struct {
			Title, Detail string
			Status        int
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != e.status || p.Title != http.StatusText(e.status) || p.Detail == "" {
			t.Errorf("%s: %q is no problem details of %d", e.request, body, e.status)
		}
	} else if response.StatusCode >= 400 && !strings.Contains(e.request, "text/html") {
		t.Errorf("%s: an error of type %q", e.request, response.Header.Get("Content-Type"))
	}
}

// readSome is the body; of an endless stream the first block.
func readSome(response *http.Response) string {
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		body, _ := io.ReadAll(response.Body)
		return string(body)
	}
	var block strings.Builder
	lines := bufio.NewReader(response.Body)
	for line := ""; line != "\n"; {
		var err error
		if line, err = lines.ReadString('\n'); err != nil {
			break
		}
		block.WriteString(line)
	}
	return block.String()
}

const asList = " | Accept: application/json"

func TestReadingFollowsTheProtocol(t *testing.T) {
	s := serve(t)
	first := s.publish("a/b", "first")
	stream := map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
		"Vary": "Accept", "Content-Encoding": "", "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": ""}
	list := map[string]string{"Content-Type": "application/json", "Vary": "Accept"}
	problem := map[string]string{"Content-Type": "application/problem+json"}
	block := ": iris-broadcast\nid: " + first.String() + "\n\n"
	for _, e := range []exchange{
		{"GET /events", "", 200, stream, block},
		{"GET /events | Accept-Encoding: gzip, br", "", 200, stream, block},
		{"GET /events | Accept: */*", "", 200, stream, block},
		{"GET /events | Accept: text/html,*/*;q=0.8", "", 200, stream, block},
		{"GET /events | Accept: application/json, text/event-stream", "", 200, stream, block},
		{"GET /events | Accept: application/json | Accept: Text/Event-Stream;q=0.1", "", 200, stream, block},
		{"GET /events/a/b", "", 200, stream, block},
		{"GET /events/a%2Fb?since=all", "", 200, stream, "id: " + first.Before().String()},
		{"GET /events?topic=a%2Fb&topic=*&topic=x/*&unknown=1", "", 200, stream, block},
		{"GET /events/$server", "", 200, stream, ": iris-broadcast\nid: "},
		{"GET /events/$server | Accept: application/json", "", 200, list, `"next":"`},
		{"GET /events?topic=$server&topic=a/b", "", 400, problem, "a log of their own"},
		{"GET /events?topic=$server/*&topic=*", "", 400, problem, "a log of their own"},
		{"GET /events/a/b?envelope=1", "", 200, stream, block},
		{"GET /events/a/b?last=1000", "", 200, stream, "id: " + first.Before().String()},
		{"GET /events/a/b?since=10m", "", 200, stream, "id: " + first.Before().String()},
		{"GET /events/a/b?since=" + first.String(), "", 200, stream, block},
		{"HEAD /events", "", 200, stream, ""},
		{"HEAD /events/a..b?topic", "", 400, nil, ""},
		{"GET /events" + asList, "", 200, list, `{"events":[],"next":"` + first.String() + `"}`},
		{"GET /events/a/b" + asList, "", 200, list, `{"events":[{"id":"` + first.String() + `","topic":"a/b","type":"","time":"`},
		{"GET /events/a/b | Accept: text/plain, application/json;q=0.5", "", 200, list, `"data":"first"}],"next":"` + first.String() + `"}`},
		{"HEAD /events/a/b" + asList, "", 200, list, ""},

		{"GET /events/", "", 400, problem, "A topic is 1 to 256 bytes"},
		{"GET /events/a/", "", 400, problem, "A topic is"},
		{"GET /events/a//b", "", 400, problem, "A topic is"},
		{"GET /events/a/%2e%2e/b", "", 400, problem, "A topic is"},
		{"GET /events/a%20b", "", 400, problem, "A topic is"},
		{"GET /events/*", "", 400, problem, "A topic is"},
		{"GET /events/%3Cscript%3E", "", 400, problem, "A topic is"},
		{"GET /events/" + strings.Repeat("x", 257), "", 400, problem, "A topic is"},
		{"GET /events?topic=a*", "", 400, problem, "A pattern is * alone, or a topic with /* behind it"},
		{"GET /events?topic=", "", 400, problem, "A topic is"},
		{"GET /events?topic=a" + strings.Repeat("&topic=a", 100), "", 400, problem, "A stream has 1 to 100 topics and patterns; this asks for 101."},
		{"GET /events/a?topic=b", "", 400, problem, "Name topics in the path or in topic= of /events, not both."},
		{"GET /events/a?since=all&last=1", "", 400, problem, "Give since or last, not both"},
		{"GET /events/a?since=yesterday", "", 400, problem, "since is an id such as 1763676000000-3, a time such as 10m or 24h, or all."},
		{"GET /events/a?since=-1m", "", 400, problem, "since is an id"},
		{"GET /events/a?last=0", "", 400, problem, "last is a whole number from 1 to 1000."},
		{"GET /events/a?last=1001" + asList, "", 400, problem, "last is a whole number from 1 to 1000."},
		{"GET /events/a?limit=1001" + asList, "", 400, problem, "limit must be a whole number from 1 to 1000."},
		{"GET /events/a?limit=x" + asList, "", 400, problem, "limit must be a whole number"},
		{"GET /events/a?envelope=yes", "", 400, problem, "envelope must be 1, or left out."},
		{"GET /events/a?x=%zz", "", 400, problem, "The query is malformed"},
		{"GET /events/%3Cb%3E | Accept: text/html", "", 400, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "A topic is 1 to 256 bytes"},
	} {
		e.try(t, s)
	}
	eventually(t, "HEAD registers nobody, and the others have left", func() bool { return s.engine.Streams() == 0 })
}

func TestEveryAddressAnswersAsItShould(t *testing.T) {
	s := serve(t)
	page := map[string]string{"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
			"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"}
	reading := map[string]string{"Allow": "GET, HEAD, OPTIONS"}
	both := map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}
	for _, e := range []exchange{
		{"GET /", "", 200, page, "Waiting for messages…"},
		{"HEAD /", "", 200, page, ""},
		{"GET /mini", "", 200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "new EventSource("},
		{"GET /public/js/broadcast/broadcast.js", "", 200, map[string]string{"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}, "export function subscribe"},
		{"GET /favicon.ico", "", 200, map[string]string{"Content-Type": "image/svg+xml"}, "<svg"},
		{"GET /healthz", "", 200, map[string]string{"Content-Type": "application/json"}, `"status":"ok"`},
		{"GET /healthz", "", 200, nil, `"streams":0`},
		{"GET /readyz", "", 200, nil, `{"status":"ok","streams":0}`},
		{"GET / | Host: a;$(id)&b", "", 200, page, "curl -d hello localhost:8080/events/news"},
		{"GET /nothing", "", 404, nil, "There is nothing at this address"},
		{"GET /public/../main.go", "", 404, nil, "There is no such file"},
		{"GET /public/", "", 404, nil, ""},
		{"GET /nothing | Accept: text/html", "", 404, page, `href="/"`},
		{"POST /nothing", "x", 404, nil, "There is nothing"},
		{"POST /events", "x", 405, reading, "Publish to a topic: POST /events/news"},
		{"POST /", "x", 405, reading, "This address accepts GET, HEAD, OPTIONS."},
		{"PUT /events/news", "x", 405, both, "This address accepts GET, HEAD, POST, OPTIONS."},
		{"DELETE /events/news", "", 405, both, ""},
		{"PATCH /healthz", "", 405, reading, ""},
		{"OPTIONS /events/news", "", 204, both, ""},
		{"OPTIONS /nothing", "", 404, nil, ""},
	} {
		e.try(t, s)
	}
	response, err := client0.Get(s.url + "/public/css/site.css") // without gzip, as the request below
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	exchange{"GET /public/css/site.css | If-None-Match: " + response.Header.Get("ETag"), "", 304, nil, ""}.try(t, s)
}

// list fetches a list and returns the events' data, next, and gap.
func (s *site) list(path string) (data []string, next string, gap *struct {
	Since, Oldest string
	Topics        []string
}) {
	s.t.Helper()
	request, _ := http.NewRequest(http.MethodGet, s.url+path, nil)
	request.Header.Set("Accept", "application/json")
	response, err := client0.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Events []struct{ Data string }
		Next   string
		Gap    *struct {
			Since, Oldest string
			Topics        []string
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Events == nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	for _, e := range answer.Events {
		data = append(data, e.Data)
	}
	return data, answer.Next, answer.Gap
}

func TestTheListBeginsWhereItsReaderSays(t *testing.T) {
	s := serve(t)
	var ids []string
	for i := range 5 {
		ids = append(ids, s.publish("a", fmt.Sprint(i)).String())
	}
	for range 150 {
		s.publish("b", "x")
	}
	head, _ := s.log.Head(t.Context())
	for _, c := range []struct{ query, data, next string }{
		{"a?", "01234", ids[4]},
		{"a?limit=2", "34", ids[4]},
		{"a?since=all&limit=2", "01", ids[1]},
		{"a?since=" + ids[1] + "&limit=2", "23", ids[3]},
		{"a?since=" + ids[1], "234", ids[4]},
		{"a?since=1h", "01234", ids[4]},
		{"a?last=3", "234", ids[4]},
		{"a?last=3&limit=2", "23", ids[3]},
		{"a?since=" + ids[4], "", head.String()},
		{"a?since=9000h", "01234", ids[4]},
		{"never?", "", head.String()},
		{"b?", strings.Repeat("x", 100), head.String()},
		{"b?last=140", strings.Repeat("x", 140), head.String()},
	} {
		data, next, gap := s.list("/events/" + c.query)
		if strings.Join(data, "") != c.data || next != c.next || gap != nil {
			t.Errorf("%s: %q, next %s, gap %v, want %q, next %s, no gap", c.query, data, next, gap, c.data, c.next)
		}
	}
	if data, next, gap := s.list("/events/a?since=9999999999999-1"); len(data) > 0 || next != head.String() || gap == nil {
		t.Errorf("after a position of another log: %q, next %s, gap %v", data, next, gap)
	}
	_, next, _ := s.list("/events/a")
	r := s.listen("/events/a?since="+next, "")
	s.publish("a", "from next on")
	r.want("from next on")
}

func TestTheExactTextIsInListsAndEnvelopes(t *testing.T) {
	s := serve(t)
	const text = "one\r\ntwo\rthree\nfour\n\n\u2028<b>&\x00\t"
	s.publish("a", text)
	if data, _, _ := s.list("/events/a"); len(data) != 1 || data[0] != text {
		t.Errorf("the list has %q", data)
	}
	envelope := s.listen("/events/a?last=1&envelope=1", "")
	envelope.next()
	var e struct{ Data string }
	if err := json.Unmarshal([]byte(envelope.next().Data), &e); err != nil || e.Data != text {
		t.Errorf("the envelope has %q, %v", e.Data, err)
	}
	s.listen("/events/a?last=1", "").want("one\ntwo\nthree\nfour\n\n\u2028<b>&\x00\t")
}

// brokenLog is a log whose store has stopped working.
type brokenLog struct{ stream.Log }

var errDisk = stream.Errorf(stream.Unavailable, "The disk is full.")

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

func TestAServerThatCannotWorkSaysWhy(t *testing.T) {
	log := memory.New(logtest.Generous)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	json := map[string]string{"Content-Type": "application/json"}
	unready := map[string]string{"Content-Type": "application/json", "Retry-After": "5"}
	exchange{"GET /readyz", "", 503, unready, `{"reasons":["the server is shutting down"],"status":"unavailable"}`}.
		try(t, handle(t, ended, log))
	broken := handle(t, t.Context(), &brokenHead{brokenLog: brokenLog{log}})
	again := map[string]string{"Retry-After": "5", "Content-Type": "application/problem+json"}
	for _, e := range []exchange{
		{"GET /readyz", "", 503, unready, `"the store: The disk is full."`},
		{"GET /healthz", "", 200, json, `"status":"ok"`},
		{"GET /events/a", "", 503, again, "The disk is full."},
		{"GET /events/a?last=3", "", 503, again, "The disk is full."},
		{"GET /events/a" + asList, "", 503, again, "The disk is full."},
		{"POST /events/a | Host: localhost", "x", 503, again, "The disk is full."},
		{"GET /api/v1/audits" + asList, "", 503, again, "The disk is full."},
		{"GET /api/v1/audits?format=csv", "", 503, again, "The disk is full."},
		{"POST /api/v1/audits | Host: localhost", `{"id":"1"}`, 503, again, "The disk is full."},
		{"GET /api/v1/comments", "", 503, again, "The disk is full."},
		{"POST /api/v1/comments | Host: localhost", `{"content":"x"}`, 503, again, "The disk is full."},
		{"GET /time | Accept: text/html", "", 503, map[string]string{"Retry-After": "5"}, "The disk is full."},
	} {
		e.try(t, broken)
	}
}
