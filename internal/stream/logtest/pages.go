package logtest

import (
	"fmt"
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

func pages(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	for i := range 5 {
		add(t, log, event("a", fmt.Sprint("a", i)), event("b", fmt.Sprint("b", i)), event("c", "unwanted"))
	}
	q := stream.Query{Topics: selection(t, "b", "a", "none"), After: start, Limit: 4}
	for _, want := range [][]string{{"a0", "b0", "a1", "b1"}, {"a2", "b2", "a3", "b3"}, {"a4", "b4"}} {
		p := page(t, log, q)
		wantData(t, "page", p.Events, want...)
		wantGap(t, "page", p.Gap)
		if more := len(want) == 4; p.More != more {
			t.Errorf("More is %v after %q", p.More, want)
		}
		q.After = p.Reached
	}
	if q.After != head(t, log) {
		t.Errorf("the last page ends at %v, want the head", q.After)
	}
	q.After, q.Limit = start, 10
	if p := page(t, log, q); p.More || len(p.Events) != 10 {
		t.Errorf("a page as long as the log: %d events, More %v", len(p.Events), p.More)
	}
}

func until(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	ids := addEach(t, log, "a", 5)
	for _, names := range [][]string{{"a"}, {"*"}} {
		q := stream.Query{Topics: selection(t, names...), After: start, Until: ids[2], Limit: 2}
		p := page(t, log, q)
		wantData(t, "the first two of three", p.Events, "0", "1")
		if !p.More || p.Reached != ids[1] {
			t.Errorf("one more is wanted: %+v", p)
		}
		q.After = p.Reached
		p = page(t, log, q)
		wantData(t, "the last of three", p.Events, "2")
		if p.More || p.Reached != ids[2] {
			t.Errorf("nothing more is wanted: %+v", p)
		}
	}
}

func newest(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	for i := range 4 {
		add(t, log, event("a", fmt.Sprint("a", i)), event("b", fmt.Sprint("b", i)),
			event("c", strings.Repeat("c", 1000)))
	}
	q := stream.Query{Topics: selection(t, "a", "b"), After: start, Newest: 3}
	p := page(t, log, q)
	wantData(t, "newest 3", p.Events, "b2", "a3", "b3")
	if p.More || p.Reached != head(t, log) || !p.Older {
		t.Errorf("there is more after the newest, or nothing before: %+v", p)
	}
	q.After = p.Events[1].ID
	p = page(t, log, q)
	if wantData(t, "newest after", p.Events, "b3"); p.Older {
		t.Errorf("Older, though it is the only event after a position: %+v", p)
	}
	q.After, q.Limit = start, 2
	p = page(t, log, q)
	wantData(t, "the first 2 of the newest 3", p.Events, "b2", "a3")
	if q.After, q.Newest = p.Reached, 0; !p.More {
		t.Error("no More, though 3 were wanted and 2 were read")
	}
	wantData(t, "and the rest", page(t, log, q).Events, "b3")
	for bytes, want := range map[int64]int{1: 1, 2000: 1, 2300: 2, 1 << 20: 4} {
		p := page(t, log, stream.Query{Topics: selection(t, "c"), Newest: 100, NewestBytes: bytes})
		if len(p.Events) != want || p.Older != (want < 4) {
			t.Errorf("the newest %d bytes: %d events, Older %v, want %d", bytes, len(p.Events), p.Older, want)
		}
	}
	for _, everything := range []stream.Selection{selection(t, "*"), {}} {
		p := page(t, log, stream.Query{Topics: everything, Newest: 4})
		wantData(t, "newest of all", p.Events, p.Events[0].Data, "a3", "b3", p.Events[3].Data)
	}
}

func patterns(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	for _, name := range []string{"a", "a/b", "a/b/c", "ab", "x"} {
		add(t, log, event(name, name))
	}
	for pattern, want := range map[string][]string{
		"*": {"a", "a/b", "a/b/c", "ab", "x"}, "a/*": {"a/b", "a/b/c"}, "a/b/*": {"a/b/c"}, "x/*": nil,
	} {
		wantData(t, pattern, page(t, log, stream.Query{Topics: selection(t, pattern), After: start}).Events, want...)
	}
	both := page(t, log, stream.Query{Topics: selection(t, "a/*", "a/b", "x"), After: start})
	wantData(t, "a/*, a/b and x", both.Events, "a/b", "a/b/c", "x")
}
