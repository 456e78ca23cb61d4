package streams

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

// gap is the data of the event gap.
type gap struct {
	Since, Oldest string
	Topics        []string
}

// wantGap fails the test unless m is a gap with that since and these topics, whose id is the position just before next,
// the ID of what follows.
func wantGap(t *testing.T, m sse.Message, since, next string, topics ...string) {
	t.Helper()
	var g gap
	if err := json.Unmarshal([]byte(m.Data), &g); m.Type != "gap" || err != nil {
		t.Fatalf("got %+v, want a gap", m)
	}
	if g.Since != since || g.Oldest != next || !slices.Equal(g.Topics, topics) || m.ID != harness.Before(t, next) {
		t.Errorf("gap %+v with id %s, want since %s, oldest %s, topics %q, id %v",
			g, m.ID, since, next, topics, harness.Before(t, next))
	}
}

func TestAGapNamesWhatWasRemoved(t *testing.T) {
	overAll(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false", "-keep-events", "2")
		ids := s.Append("a", "0", "1", "2", "3", "4")
		for _, form := range []string{"", "&envelope=1"} {
			for name, r := range map[string]*harness.Reader{
				"Last-Event-ID": s.Listen("/events?topic=a&topic=b"+form, ids[0]),
				"since":         s.Listen("/events?topic=a&topic=b&since="+ids[0]+form, ""),
			} {
				m := r.Must()
				if form != "" {
					if m.Type != "ready" || m.ID != ids[0] {
						t.Fatalf("%s: first comes %+v", name, m)
					}
					m = r.Must()
				}
				wantGap(t, m, ids[0], ids[3], "a")
				for _, id := range ids[3:] {
					if m := r.Must(); m.ID != id {
						t.Errorf("%s: after the gap comes %+v, want %v", name, m, id)
					}
				}
			}
		}
		var list struct{ Gap *gap }
		_, body := s.Do(http.MethodGet, "/events/a?since="+ids[0], "", "Accept: application/json")
		json.Unmarshal([]byte(body), &list)
		if list.Gap == nil || list.Gap.Since != ids[0] || list.Gap.Oldest != ids[3] {
			t.Errorf("the list is %s", body)
		}
	})
}

func TestAPositionOfAnotherLogIsAGapAndThenLive(t *testing.T) {
	overAll(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false")
		head := s.Publish("a", "before")
		for since, form := range map[string]string{"9999999999999-0": "", "no id at all": "", "5": "&envelope=1"} {
			r := s.Listen("/events?topic=a&topic=b/*"+form, since)
			m := r.Must()
			if m.Type == "ready" {
				m = r.Must()
			}
			var g gap
			json.Unmarshal([]byte(m.Data), &g)
			if m.Type != "gap" || g.Since != since || g.Oldest != head || m.ID != head ||
				!slices.Equal(g.Topics, []string{"a", "b/*"}) {
				t.Errorf("%s: got %+v", since, m)
			}
			head = s.Publish("a", "live")
			if m := r.Must(); !strings.Contains(m.Data, "live") || m.ID != head {
				t.Errorf("%s: then comes %+v", since, m)
			}
		}
	})
}

func TestBelowTheFloorIsAGapForAllTopics(t *testing.T) {
	overAll(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false")
		floor := s.Head()
		first := s.Publish("a", "0")
		wantGap(t, s.Listen("/events?topic=a&topic=never&topic=*", "0-0").Must(), "0-0", first, "a", "never", "*")
		below := harness.Before(t, floor)
		wantGap(t, s.Listen("/events?topic=a&topic=never", below).Must(), below, first, "a", "never")
		if m := s.Listen("/events?topic=a&topic=never", floor).Must(); m.Data != "0" {
			t.Errorf("at the floor itself comes %+v", m)
		}
	})
}

func TestNoGapIsSentWithoutCause(t *testing.T) {
	overAll(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false", "-keep-events", "2")
		for i, c := range []struct{ path, lastEventID, want string }{ // each has topics of its own, below $
			{"/events/$quiet", "start", "0"},
			{"/events/$quiet", "quiet", ""},
			{"/events/$never", "start", ""},
			{"/events?topic=$never/*&topic=$quiet", "start", "0"},
			{"/events/$busy", "removed", "kept end"},
			{"/events/$busy", "kept", "end"},
			{"/events/$busy", "end", ""},
			{"/events/$busy?since=all", "", "kept end"},
			{"/events/$busy?since=1h", "", "kept end"},
			{"/events/$busy?last=1000", "", "kept end"},
			{"/events?topic=*&last=2", "", "kept end"},
			{"/events?topic=$quiet&topic=$busy&last=3", "", "0 kept end"},
			{"/events/$busy", "", ""},
		} {
			own := fmt.Sprint("case", i, "/")
			ids := map[string]string{"start": s.Head(), "quiet": s.Publish(own+"quiet", "0")}
			busy := s.Append(own+"busy", append(strings.Split("xxxxxxxxxx", ""), "kept", "end")...)
			ids["removed"], ids["kept"], ids["end"] = busy[9], busy[10], busy[11]
			r := s.Listen(strings.ReplaceAll(c.path, "$", own), ids[c.lastEventID])
			for _, topic := range []string{"quiet", "busy", "never", "never/x"} {
				s.Publish(own+topic, "live")
			}
			r.Want(append(strings.Fields(c.want), "live")...)
			r.Leave()
		}
	})
}

func TestAGapIsSentOnceThoughCatchingUpHasManyPages(t *testing.T) {
	overAll(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false", "-keep-events", "600")
		start := s.Head()
		for topic, n := range map[string]int{"a": 590, "b": 800} { // b loses 200
			s.Append(topic, slices.Repeat([]string{strings.Repeat("x", 1000)}, n)...)
		}
		for query, want := range map[string]int{"since=all": 0, "since=1h": 0, "since=" + start: 1} {
			r := s.Listen("/events?topic=a&topic=b&"+query, "")
			gaps := 0
			for range 590 + 600 + want {
				if r.Must().Type == "gap" {
					gaps++
				}
			}
			if gaps != want {
				t.Errorf("%s: %d gaps, want %d", query, gaps, want)
			}
		}
	})
}
