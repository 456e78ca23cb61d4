package protocol

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
	"iris-broadcast/tests/harness"
)

func TestAStreamTooManyIsTurnedAwayAsAStream(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-max-streams", "1")
	s.Listen("/events/news", "")
	header := map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform",
		"X-Accel-Buffering": "no", "Vary": "Accept", "Access-Control-Allow-Origin": "*"}
	exchange{"GET /events/news", "", 200, header, "\n: full\n\n"}.try(t, s)
	exchange{"GET /events/news?envelope=1", "", 200, header, "\n: full\n\n"}.try(t, s)
}

func TestAQuietStreamHasAHeartbeatAsOftenAsItIsSet(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-heartbeat", "2s")
	_, lines := s.Raw("GET /events/news HTTP/1.0\r\n\r\n")
	for i := range 3 {
		began, line := time.Now(), ""
		for line != ": heartbeat\n" {
			var err error
			if line, err = lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		// It may come a little early.
		if took := time.Since(began); took < 1400*time.Millisecond || took > 4*time.Second {
			t.Errorf("heartbeat %d comes after %v, want about 2s", i, took)
		}
	}
}

func TestTheServerReportsItselfOnceASecond(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	r := s.Listen("/events/$server", "")
	closest, last := time.Hour, time.Time{}
	for range 4 {
		id, err := stream.ParseID(r.Must().ID)
		if err != nil {
			t.Fatal(err)
		}
		if !last.IsZero() {
			closest = min(closest, id.Time().Sub(last)) // a busy machine may leave some out
		}
		last = id.Time()
	}
	if closest < 800*time.Millisecond || closest > 1200*time.Millisecond {
		t.Errorf("the shortest time between two reports is %v, want 1s", closest)
	}
}

func TestADemoTopicKeepsItsNewest100(t *testing.T) {
	t.Parallel()
	store := imported(t, "time", strings.Split(strings.Repeat("x", 110), "")...)
	s := harness.Serve(t,
		"-demo=false", "-store", store, "-keep-events", "5", "-keep-age", "1s", "-keep-bytes", "1MiB")
	events := s.API(http.MethodGet, "/events/time?since=all&limit=1000", "")["events"].([]any)
	if len(events) != 100 {
		t.Errorf("%d events are kept, want 100", len(events))
	}
}

func TestEveryWriteIsForThisMachineAlone(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	for _, request := range []string{
		"POST /events/news", "POST /watch" + asForm, "POST /api/v1/audits", "POST /audits" + asForm,
		"POST /api/v1/comments", "POST /comments" + asForm, "POST /comments/x/like" + asForm,
		"PUT /api/v1/comments/x/like", "DELETE /api/v1/comments/x/like",
	} {
		exchange{request + " | Host: evil.test", "", 403, problem, "-open-publish"}.try(t, s)
		exchange{request + " | X-Forwarded-For: 192.0.2.7", "", 403, problem, "-open-publish"}.try(t, s)
	}
}
