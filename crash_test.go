package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestARestartGoesOnWithoutAGap(t *testing.T) {
	store := "pebble:" + filepath.Join(t.TempDir(), "data")
	first := serve(t, "-store", store)
	last := first.publish("news", "one")
	first.publish("news", "two")
	first.answer("POST", "/api/v1/comments", `{"content":"kept"}`)
	first.stop()
	second := serve(t, "-store", store)
	r := second.listen("/events/news", last.String())
	second.publish("news", "three")
	r.want("two", "three")
	if _, list, _ := second.answer("GET", "/api/v1/comments", ""); list["total"] != 1.0 {
		t.Errorf("after a restart there are %v", list)
	}
}

func TestAFileThatIsRemovedStopsWritersAndNotReaders(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows removes no file that is open; run this on Linux or macOS")
	}
	file := filepath.Join(t.TempDir(), "data")
	s := serve(t, "-store", "pebble:"+file)
	before := s.listen("/events/news", "")
	s.waitFor(1)
	s.publish("news", "kept")
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	for _, e := range []exchange{
		{"POST /events/news", "x", 503, map[string]string{"Retry-After": "5"}, "removed or replaced"},
		{"POST /api/v1/audits", `{"id":"1"}`, 503, nil, "removed or replaced"},
		{"POST /api/v1/comments", `{"content":"x"}`, 503, nil, "removed or replaced"},
		{"GET /readyz", "", 503, nil, "removed or replaced"},
		{"GET /healthz", "", 200, nil, "ok"},
		{"GET /events/news" + asList, "", 200, nil, `"data":"kept"`},
		{"GET /events/news", "", 200, nil, ": iris-broadcast"},
		{"GET /comments", "", 200, nil, "Comments"},
		{"GET /api/v1/audits?format=csv", "", 200, nil, "created_at"},
	} {
		e.try(t, s)
	}
	before.want("kept")
	s.listen("/events/news?since=all", "").want("kept")
}
