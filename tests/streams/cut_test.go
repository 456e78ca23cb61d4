package streams

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

// cut is what arrives on a stream whose connection is cut after that many bytes.
func cut(t *testing.T, s *harness.Server, path, lastEventID string, after int64) *sse.Reader {
	t.Helper()
	headers := []string{"Accept: text/event-stream"}
	if lastEventID != "" {
		headers = append(headers, "Last-Event-ID: "+lastEventID)
	}
	response := s.Ask(http.MethodGet, path, "", headers...)
	defer response.Body.Close()
	var arrived bytes.Buffer
	if _, err := io.CopyN(&arrived, response.Body, after); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return sse.NewReader(&arrived)
}

// publishUntil publishes a thousand numbers a second to news, until done is closed.
func publishUntil(s *harness.Server, done <-chan struct{}) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i += 20 {
		posts := make([]harness.Post, 20)
		for j := range posts {
			posts[j] = harness.Post{Topic: "news", Data: fmt.Sprint(i + j)}
		}
		if _, err := s.Try(posts...); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-done:
			return nil
		}
	}
}

func TestAClientCutOffAtAnyByteMissesNothing(t *testing.T) {
	overAll(t, func(t *testing.T, serve serving) {
		for name, form := range map[string]string{"plain": "", "envelope": "&envelope=1"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := serve(t, "-demo=false", "-keep-events", "1000000")
				path := "/events/news?since=" + s.Head() + form
				done := make(chan struct{})
				var publishing sync.WaitGroup
				publishing.Go(func() {
					if err := publishUntil(s, done); err != nil {
						t.Error(err)
					}
				})
				defer publishing.Wait()
				defer close(done)
				next, lastID := 0, ""
				for after := int64(1); after <= 600; after++ {
					messages := cut(t, s, path, lastID, after)
					for m, err := messages.Next(); err == nil; m, err = messages.Next() {
						if m.Type == "ready" {
							continue
						}
						data := m.Data
						if form != "" {
							var envelope struct{ Data string }
							if json.Unmarshal([]byte(m.Data), &envelope) != nil {
								t.Fatalf("cut at %d: %+v", after, m)
							}
							data = envelope.Data
						}
						if m.Type != "" || data != fmt.Sprint(next) {
							t.Fatalf("cut at %d: got %s %q, want %d", after, m.Type, data, next)
						}
						next++
					}
					if id := messages.LastEventID(); id != "" {
						lastID = id
					}
				}
				if next < 100 {
					t.Errorf("only %d events were read", next)
				}
			})
		}
	})
}

func TestAGapIsSentAgainUntilItHasArrived(t *testing.T) {
	overAll(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false", "-keep-events", "1", "-heartbeat", "100ms")
		ids := s.Append("a", "0", "x", "x", "x")
		lastID, gaps := ids[0], 0
		for after := int64(1); lastID != ids[3]; after += 3 {
			messages := cut(t, s, "/events/a", lastID, after)
			for m, err := messages.Next(); err == nil; m, err = messages.Next() {
				if m.Type == "gap" {
					gaps++
				} else if gaps != 1 {
					t.Fatalf("cut at %d: an event came after %d gaps", after, gaps)
				}
			}
			if id := messages.LastEventID(); id != "" {
				lastID = id
			}
		}
		if gaps != 1 {
			t.Errorf("the gap arrived %d times", gaps)
		}
	})
}
