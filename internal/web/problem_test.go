package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/kataras/golog"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/logs"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// tearing is a log whose first page has that many records, and whose second cannot be read.
type tearing struct {
	stream.Log
	records int
	failure error
}

func (l tearing) Page(_ context.Context, q stream.Query) (stream.Page, error) {
	if q.After != (stream.ID{}) {
		return stream.Page{}, l.failure
	}
	page := stream.Page{More: true}
	for i := range l.records {
		page.Reached = stream.ID{Ms: 1, Seq: uint64(i + 1)}
		data := fmt.Sprintf(`{"id":"%d","details":%q}`, i, strings.Repeat("x", 1000))
		page.Events = append(page.Events, stream.Event{ID: page.Reached, Topic: stream.Audits, Data: data})
	}
	return page, nil
}

// tornAnswer is what a client gets from a log that tears after that many records.
func tornAnswer(t *testing.T, path string, records int, failure error) (response *http.Response, readError error) {
	t.Helper()
	store := memory.New(logtest.Generous)
	handler := handle(t, Site{Events: Source{Log: tearing{store, records, failure}}, Board: store})
	server := httptest.NewServer(handler)
	defer server.Close()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	return response, err
}

var tornPaths = []string{
	"/api/v1/audits?since=all&limit=1000", "/events/audits?since=all&limit=1000",
	"/api/v1/audits?since=all&format=csv", "/api/v1/audits?since=all&format=jsonl",
}

func TestHalfAnAnswerNeverLooksComplete(t *testing.T) {
	for _, path := range tornPaths {
		for _, failure := range []error{stream.Errorf(stream.Unavailable, "The disk is gone."), errors.New("a bug")} {
			response, err := tornAnswer(t, path, 200, failure)
			if response.StatusCode != http.StatusOK || err == nil {
				t.Errorf("%s: %s, and its end is %v, want the connection to break", path, response.Status, err)
			}
		}
	}
}

// panicking is a board with a bug.
type panicking struct{ board.Store }

func (panicking) List(context.Context, board.Visitor, int, int) (board.List, error) { panic("a bug") }

func TestAPanicIsAnAnswerAndALineOfTheLog(t *testing.T) {
	log, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	logs.SetUp("info", "json")
	golog.SetOutput(log)
	defer golog.SetOutput(io.Discard)
	store, traffic := memory.New(logtest.Generous), logs.NewTraffic()
	handler := handle(t, Site{Events: Source{Log: store}, Board: panicking{store}, Traffic: traffic})
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/v1/comments", nil))
	if traffic.Flush(); answer.Code != http.StatusInternalServerError {
		t.Errorf("answered %d", answer.Code)
	}
	text, _ := os.ReadFile(log.Name())
	failures := 0
	for line := range strings.Lines(string(text)) {
		var entry struct {
			Level, Error, Path, Peer string
			Status                   int
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if entry.Level == "error" && entry.Path == "/api/v1/comments" && entry.Peer != "" && entry.Status == 500 &&
			strings.HasPrefix(entry.Error, "panic: a bug\n") && strings.Contains(entry.Error, "problem_test.go") {
			failures++
		}
	}
	if failures != 1 || strings.Count(string(text), "/api/v1/comments") != 1 {
		t.Errorf("the log has\n%s", text)
	}
}

func TestAnErrorBeforeTheFirstByteIsTheAnswer(t *testing.T) {
	for _, path := range tornPaths {
		response, err := tornAnswer(t, path, 3, stream.Errorf(stream.Unavailable, "The disk is gone."))
		header := response.Header
		if err != nil || response.StatusCode != http.StatusServiceUnavailable || header.Get("Retry-After") == "" ||
			header.Get("Content-Type") != "application/problem+json" || header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %s with %v, %v", path, response.Status, header, err)
		}
		if response, _ := tornAnswer(t, path, 3, errors.New("a bug")); response.StatusCode != 500 {
			t.Errorf("%s: a bug is answered %s", path, response.Status)
		}
	}
}
