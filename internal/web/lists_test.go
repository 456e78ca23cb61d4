package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// slow is a log whose pages wait until goOn is closed.
type slow struct {
	stream.Log
	reading chan struct{} // gets a token for each page that waits
	goOn    chan struct{}
}

func (l slow) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	l.reading <- struct{}{}
	<-l.goOn
	return l.Log.Page(ctx, q)
}

func TestAtMost256ListsAreReadAtOnce(t *testing.T) {
	store := memory.New(logtest.Generous)
	log := slow{store, make(chan struct{}, 257), make(chan struct{})}
	counted := &count{}
	handler := handle(t, Site{Events: Source{Log: log}, Board: store, Lists: counted})
	list := func() *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, "/events/news", nil)
		request.Header.Set("Accept", "application/json")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	var lists sync.WaitGroup
	for range 256 {
		lists.Go(func() {
			if answer := list(); answer.Code != http.StatusOK {
				t.Errorf("one of the first 256 is answered %d %s", answer.Code, answer.Body)
			}
		})
	}
	for range 256 {
		<-log.reading
	}
	refused := make(chan *httptest.ResponseRecorder, 1)
	lists.Go(func() { refused <- list() })
	select {
	case <-log.reading:
		t.Error("one more is read")
	case answer := <-refused:
		if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "5" {
			t.Errorf("one more is answered %d %v", answer.Code, answer.Header())
		}
	}
	if n := counted.Load(); n != 256 {
		t.Errorf("%d lists are counted", n)
	}
	close(log.goOn)
	lists.Wait()
	if n := counted.Load(); n != 0 {
		t.Errorf("once they are done, %d lists are counted", n)
	}
	if answer := list(); answer.Code != http.StatusOK {
		t.Errorf("once they are done, a list is answered %d %s", answer.Code, answer.Body)
	}
}
