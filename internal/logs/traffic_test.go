package logs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// client is one behind a proxy.
func client() Client {
	r := httptest.NewRequest(http.MethodPost, "/events/news", nil)
	r.RemoteAddr = "192.0.2.1:4711"
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	return From(r, time.Now())
}

func someEntry() Entry {
	return Entry{Client: client(), Method: "POST", Path: "/events/news", Topics: "news", Status: 403, Reason: "no",
		Bytes: 5}
}

func TestAtDebugEachHasALineWithItsFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		printed := capture(t, "debug", "text")
		traffic := NewTraffic()
		began := client()
		time.Sleep(1500 * time.Microsecond)
		entry := func() Entry {
			e := someEntry()
			e.Client = began
			return e
		}
		for range 20 {
			traffic.Published(entry)
			traffic.Refused(entry)
			traffic.Ended(true, entry)
			traffic.Ended(false, entry)
			traffic.TurnedAway(entry)
		}
		fields := ` bytes=5 duration_ms=1.5 forwarded=198.51.100.7 method=POST path=/events/news ` +
			`peer=192.0.2.1:4711 reason=no status=403 topics=news` + "\n"
		for message, want := range map[string]int{
			"Published": 20, "A request was refused": 20, "A stream ended": 40, "A stream was turned away": 20} {
			if n := strings.Count(printed(), "DEBUG "+message+fields); n != want {
				t.Errorf("%d lines of %s, want %d:\n%s", n, message, want, printed())
			}
		}
	})
}

func TestAtInfoWhatIsNormalIsALineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		printed := capture(t, "info", "text")
		traffic := NewTraffic()
		for range 3 {
			for range 1000 {
				traffic.Published(someEntry)
				traffic.Opened()
			}
			traffic.Ended(true, someEntry)
			time.Sleep(20 * time.Second)
		}
		time.Sleep(time.Hour)
		traffic.Opened()
		time.Sleep(time.Hour)
		synctest.Wait()
		got := printed()
		if strings.Count(got, "\n") != 2 ||
			!strings.Contains(got, " INFO  In the last minute published=3000 streams_ended=3 streams_opened=3000\n") ||
			!strings.Contains(got, " INFO  In the last minute published=0 streams_ended=0 streams_opened=1\n") {
			t.Errorf("printed:\n%s", got)
		}
	})
}

func TestAtInfoWhatClientsCauseAtWillIsAHandfulASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		printed := capture(t, "info", "text")
		traffic := NewTraffic()
		notFound := func() Entry { return Entry{Client: client(), Status: 404} }
		for range 100_000 {
			traffic.Refused(someEntry)
			traffic.Ended(false, someEntry)
			traffic.TurnedAway(someEntry)
			traffic.Failed(someEntry(), errors.New("a bug"))
		}
		traffic.Refused(notFound)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := printed()
		for part, want := range map[string]int{
			"INFO  A request was refused bytes=5": 5, "INFO  A client was disconnected bytes=5": 5,
			`ERROR A request failed bytes=5 duration_ms=0 error="a bug"`:                   5,
			"INFO  More requests were refused status_403=99995 status_404=1\n":             1,
			"INFO  More clients were disconnected count=99995\n":                           1,
			"ERROR More requests failed count=99995\n":                                     1,
			"WARN  Streams were turned away: all of -max-streams are taken count=100000\n": 1,
		} {
			if n := strings.Count(got, part); n != want {
				t.Errorf("%d lines of %q, want %d", n, part, want)
			}
		}
		if n := strings.Count(got, "\n"); n != 19 {
			t.Errorf("%d lines:\n%s", n, got)
		}
	})
}

func TestFlushLogsWhatIsCounted(t *testing.T) {
	printed := capture(t, "info", "text")
	traffic := NewTraffic()
	traffic.Opened()
	for range 7 {
		traffic.Refused(someEntry)
		traffic.Ended(false, someEntry)
		traffic.Failed(someEntry(), errors.New("a bug"))
	}
	traffic.Flush()
	for _, want := range []string{"status_403=2", "disconnected count=2", "failed count=2", "streams_opened=1"} {
		if !strings.Contains(printed(), want) {
			t.Errorf("without %s:\n%s", want, printed())
		}
	}
}

func TestWhatIsNormalAllocatesNothingAtInfo(t *testing.T) {
	printed := capture(t, "info", "text")
	traffic := NewTraffic()
	peer := client()
	normal := func() {
		traffic.Published(func() Entry { return Entry{Client: peer, Topics: fmt.Sprint("news", peer)} })
		traffic.Opened()
		traffic.Ended(true, func() Entry { return Entry{Client: peer, Topics: fmt.Sprint("news", peer)} })
	}
	if n := testing.AllocsPerRun(1000, normal); n > 0 {
		t.Errorf("%v allocations", n)
	}
	SetUp("warn", "text")
	traffic.Refused(func() Entry { t.Error("an entry is made that the level filters"); return Entry{} })
	traffic.Ended(false, func() Entry { t.Error("an entry is made that the level filters"); return Entry{} })
	if got := printed(); got != "" {
		t.Errorf("printed %q", got)
	}
}

func TestAClientCannotMakeALineLong(t *testing.T) {
	long := strings.Repeat("ü", 5000)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Forwarded", long)
	e := Entry{Client: From(r, time.Now()), Path: long, Topics: long, Reason: long}
	for name, value := range e.fields() {
		if text := fmt.Sprint(value); len(text) > 250 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
	if got := e.fields()["forwarded"]; !strings.HasPrefix(got.(string), "üü") {
		t.Errorf("forwarded is %v", got)
	}
}
