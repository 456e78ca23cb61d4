package web

import (
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"iris-broadcast/internal/logs"
)

// count is a Site's Lists.
type count struct{ atomic.Int32 }

func (c *count) Inc() { c.Add(1) }
func (c *count) Dec() { c.Add(-1) }

// handle returns the handler of a site with the project's pages; events have at most 1,000 bytes unless it says so.
func handle(t *testing.T, s Site) http.Handler {
	t.Helper()
	if s.Traffic == nil {
		s.Traffic = logs.NewTraffic()
	}
	if s.Lists == nil {
		s.Lists = &count{}
	}
	s.Views, s.Public = os.DirFS("../../views"), os.DirFS("../../public")
	if s.Closing == nil {
		s.Closing = func() bool { return false }
	}
	if s.MaxData == 0 {
		s.MaxData = 1000
	}
	handler, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}
