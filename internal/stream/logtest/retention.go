package logtest

import (
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

func gapByCount(t *testing.T, open Open) {
	keep := Generous
	keep.Events = 3
	log := open(t, keep)
	ids := addEach(t, log, "a", 5)
	for i, id := range ids {
		p := page(t, log, stream.Query{Topics: selection(t, "a"), After: id})
		if i < 1 { // ids[1] is the highest removed one
			wantGap(t, "after a removed one", p.Gap, "a")
			wantData(t, "what there is", p.Events, "2", "3", "4")
			if p.Gap != nil && p.Gap.Oldest != ids[2] {
				t.Errorf("oldest %v, want %v", p.Gap.Oldest, ids[2])
			}
			continue
		}
		wantGap(t, "after the last removed one, or later", p.Gap)
	}
}

func gapByBytes(wantGap wanted) func(*testing.T, Open) {
	return func(t *testing.T, open Open) {
		keep := Generous
		keep.Bytes = 64 << 10
		log := open(t, keep)
		start := head(t, log)
		first := add(t, log, event("once", "soon forgotten"))[0]
		var ids []stream.ID
		for range 200 {
			ids = append(ids, add(t, log, event("a", strings.Repeat("x", 1<<10)))...)
		}
		p := page(t, log, stream.Query{Topics: selection(t, "a"), After: start})
		if n := len(p.Events); n < 10 || n > 64 {
			t.Errorf("%d KiB kept of 64", n)
		}
		wantGap(t, "after much has been removed", p.Gap, "a")
		wantGap(t, "of a forgotten topic", page(t, log, stream.Query{Topics: selection(t, "once"), After: start}).Gap,
			"once")
		wantGap(t, "after its only event", page(t, log, stream.Query{Topics: selection(t, "once"), After: first}).Gap)
		wantGap(t, "after the newest",
			page(t, log, stream.Query{Topics: selection(t, "a", "once"), After: ids[199]}).Gap)
		empty := page(t, log, stream.Query{Topics: selection(t, "once"), After: start})
		if empty.Gap != nil && empty.Gap.Oldest != head(t, log) {
			t.Errorf("oldest of nothing is %v, want the head", empty.Gap.Oldest)
		}
	}
}

func gapNames(t *testing.T, open Open) {
	keep := Generous
	keep.Events = 2
	log := open(t, keep)
	start := head(t, log)
	addEach(t, log, "a/full", 3)
	addEach(t, log, "b/quiet", 2)
	q := stream.Query{Topics: selection(t, "b/quiet", "a/full", "c", "a/*", "b/*", "*"), After: start}
	wantGap(t, "one topic that lost an event", page(t, log, q).Gap, "a/full", "a/*", "*")
	q.After = start.Before() // before the log began: nothing is known of any topic
	wantGap(t, "below the floor", page(t, log, q).Gap, q.Topics.Names()...)
}

func noGapWithoutCause(t *testing.T, open Open) {
	keep := Generous
	keep.Events = 2
	log := open(t, keep)
	start := head(t, log)
	addEach(t, log, "busy", 10)
	quiet := addEach(t, log, "quiet", 2)
	for _, after := range []stream.ID{start, quiet[0], quiet[1], head(t, log)} {
		p := page(t, log, stream.Query{Topics: selection(t, "quiet", "never", "quiet/*"), After: after})
		wantGap(t, "topics that lost nothing, after "+after.String(), p.Gap)
	}
}

func always(t *testing.T, open Open) {
	keep := Generous
	keep.Events, keep.Bytes, keep.Topics = 2, 1<<10, 1
	keep.Always = map[stream.Topic]int{topic("hello"): 5}
	log := open(t, keep)
	start := head(t, log)
	addEach(t, log, "other", 20)
	addEach(t, log, "hello", 7)
	addEach(t, log, "other", 20)
	p := page(t, log, stream.Query{Topics: selection(t, "hello"), After: start})
	wantData(t, "a topic that always keeps five", p.Events, "2", "3", "4", "5", "6")
	wantGap(t, "and lost two", p.Gap, "hello")
}

func topicsAreBounded(t *testing.T, open Open) {
	keep := Generous
	keep.Topics = 2
	keep.Always = map[stream.Topic]int{topic("hello"): 5, topic("ping"): 5}
	for _, order := range [][]string{{"a", "b", "hello", "ping"}, {"hello", "ping", "a", "b"},
		{"a", "hello", "b", "ping"}} {
		log := open(t, keep)
		for _, name := range order {
			add(t, log, event(name, "x"))
		}
		add(t, log, event("a", "y"), event("hello", "y"), event("b", "y"))
		_, err := log.Append(t.Context(), event("c", "x"))
		if e := stream.AsError(err); e.Code != stream.Full || !strings.Contains(e.Detail, "-max-topics") {
			t.Errorf("a third topic where two are allowed, besides %q: %v", order, err)
		}
		add(t, log, event("b", "z"))
	}
}

func gapOnce(t *testing.T, open Open) {
	keep := Generous
	keep.Events = 6
	log := open(t, keep)
	start := head(t, log)
	addEach(t, log, "a", 5)
	addEach(t, log, "b", 10) // four are removed, with IDs above all of a's
	q := stream.Query{Topics: selection(t, "a", "b"), After: start, Limit: 2}
	p := page(t, log, q)
	wantGap(t, "the first page", p.Gap, "b")
	for p.More {
		q.After, q.Told = p.Reached, p.Mark
		p = page(t, log, q)
		wantGap(t, "a later page", p.Gap)
	}
	q.After, q.Told = start, p.Mark
	wantGap(t, "what was reported before", page(t, log, q).Gap)
	addEach(t, log, "b", 1)
	wantGap(t, "what was removed since", page(t, log, q).Gap, "b")
}
