package protocol

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestRemovingTheStoreStopsWritesAndNotReads(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows removes no file that is open; run this on Linux or macOS")
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := harness.Serve(t, "-demo=false", "-store", "pebble:"+dir)
	before := s.Listen("/events/news", "")
	s.Publish("news", "kept")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tryAll(t, s, []exchange{
		{"POST /events/news", "x", 503, map[string]string{"Retry-After": "5"}, "removed"},
		{"POST /api/v1/audits", `{"id":"1"}`, 503, nil, "removed"},
		{"POST /api/v1/comments", `{"content":"x"}`, 503, nil, "removed"},
		{"GET /readyz", "", 503, nil, "removed"},
		{"GET /healthz", "", 503, nil, "removed"},
		{"GET /events/news" + asList, "", 200, nil, `"data":"kept"`},
		{"GET /events/news", "", 200, nil, ": iris-broadcast"},
		{"GET /comments", "", 200, nil, "Comments"},
		{"GET /api/v1/audits?format=csv", "", 200, nil, "created_at"},
	})
	before.Want("kept")
	s.Listen("/events/news?since=all", "").Want("kept")
}
