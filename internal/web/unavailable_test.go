package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

const diskFull = "The disk is full."

var errDisk = stream.Errorf(stream.Unavailable, diskFull)

// brokenStore is a log and a board whose disk has failed.
type brokenStore struct{ *memory.Store }

func (brokenStore) Append(context.Context, ...stream.Event) ([]stream.ID, error)  { return nil, errDisk }
func (brokenStore) Page(context.Context, stream.Query) (p stream.Page, err error) { return p, errDisk }
func (brokenStore) Head(context.Context) (id stream.ID, err error)                { return id, errDisk }
func (brokenStore) Ready(context.Context) error                                   { return errDisk }
func (brokenStore) AddComment(context.Context, board.Comment) error               { return errDisk }
func (brokenStore) List(context.Context, board.Visitor, int, int) (l board.List, err error) {
	return l, errDisk
}
func (brokenStore) stream(iris.Context, delivery.Reading) error { return errDisk }

// brokenSite serves a broken store, and returns its URL.
func brokenSite(t *testing.T) string {
	t.Helper()
	store := brokenStore{memory.New(logtest.Generous)}
	handler := handle(t, Site{Events: Source{Log: store, Stream: store.stream}, Board: store,
		Streams: func() int { return 0 }, Closing: func() bool { return false }})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// wantAnswer fails the test unless a request, given as "GET /path | Accept", is answered with that status and says why.
func wantAnswer(t *testing.T, url, request, body string, status int, why string) http.Header {
	t.Helper()
	line, accept, _ := strings.Cut(request, " | ")
	method, path, _ := strings.Cut(line, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(response.Body)
	if response.StatusCode != status || !strings.Contains(string(said), why) {
		t.Errorf("%s: %s %q, want %d and %q", request, response.Status, said, status, why)
	}
	return response.Header
}

const asList = " | application/json"

func TestAServerWhoseDiskHasFailedSaysSo(t *testing.T) {
	url := brokenSite(t)
	wantAnswer(t, url, "GET /healthz", "", 200, `"status":"ok"`)
	wantAnswer(t, url, "GET /readyz", "", 503, "the store: "+diskFull)
	for request, body := range map[string]string{
		"GET /events/a": "", "GET /events/a?last=3": "", "GET /events/a" + asList: "", "POST /events/a": "x",
		"GET /api/v1/audits" + asList: "", "GET /api/v1/audits?format=csv": "", "POST /api/v1/audits": `{"id":"1"}`,
		"GET /api/v1/comments": "", "POST /api/v1/comments": `{"content":"x"}`,
		"GET /time | text/html": "",
	} {
		header := wantAnswer(t, url, request, body, 503, diskFull)
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
	url := brokenSite(t)
	for _, request := range []string{
		"GET /events/a" + asList, "GET /api/v1/audits" + asList, "GET /api/v1/audits?actor=x" + asList,
		"GET /api/v1/audits?format=csv", "GET /api/v1/audits?format=jsonl&action=x", "GET /audits | text/html",
	} {
		for range maxLists + 10 {
			if wantAnswer(t, url, request, "", 503, diskFull); t.Failed() {
				return
			}
		}
	}
}
