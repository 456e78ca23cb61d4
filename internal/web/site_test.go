package web

import (
	"net/http"
	"os"
	"testing"
)

// handle returns the handler of a site with the project's pages; events have at most 1,000 bytes unless it says so.
func handle(t *testing.T, s Site) http.Handler {
	t.Helper()
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
