package logtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"iris-broadcast/internal/stream"
)

// removalsAreGaps appends at random to a log that keeps little, and reads from every position: what is missing must be
// reported, and only to readers whom it concerns.
func removalsAreGaps(wantGap wanted) func(*testing.T, Open) {
	return func(t *testing.T, open Open) { checkRemovals(t, open, wantGap) }
}

// wanted is wantGap, or wantGapOf if a gap may name more than what is missing.
type wanted func(t *testing.T, what string, gap *stream.Gap, topics ...string)

func checkRemovals(t *testing.T, open Open, wantGap wanted) {
	keep := Generous
	keep.Events = 4
	log := open(t, keep)
	names := []string{"a", "b", "c/1", "c/2", "c/d/3"}
	positions := []stream.ID{head(t, log)}
	var all []stream.Event
	for i := range 120 {
		e := event(names[min(rand.IntN(8), len(names)-1)], fmt.Sprint(i))
		e.ID = add(t, log, e)[0]
		all, positions = append(all, e), append(positions, e.ID)
	}
	for _, after := range positions {
		for _, names := range [][]string{{"a"}, {"b", "c/1"}, {"c/*"}, {"c/d/*", "a"}, {"*"}, {"c/*", "c/1", "never"}} {
			topics := selection(t, names...)
			p := page(t, log, stream.Query{Topics: topics, After: after})
			var missing []string
			for _, name := range names {
				one := selection(t, name)
				if slices.ContainsFunc(all, func(e stream.Event) bool {
					return after.Less(e.ID) && one.Match(e.Topic) && !slices.Contains(p.Events, e)
				}) {
					missing = append(missing, name)
				}
			}
			slices.SortStableFunc(missing, func(a, b string) int {
				return slices.Index(topics.Names(), a) - slices.Index(topics.Names(), b)
			})
			wantGap(t, fmt.Sprintf("%q after %v", names, after), p.Gap, missing...)
		}
	}
}

func foreignPositions(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	last := addEach(t, log, "a", 3)[2]
	for what, after := range map[string]stream.ID{
		"before the log began": start.Before(),
		"above its head":       {Ms: last.Ms, Seq: last.Seq + 1},
		"long after it":        {Ms: last.Ms + 1e9},
	} {
		for _, names := range [][]string{{"a"}, {"*"}, {"none", "n/*"}} {
			topics := selection(t, names...)
			p := page(t, log, stream.Query{Topics: topics, After: after})
			wantGap(t, what, p.Gap, topics.Names()...)
			if p.Reached != last || p.Gap != nil && last.Less(p.Gap.Oldest) || p.More {
				t.Errorf("%s: the page reaches %v, its gap is %+v", what, p.Reached, p.Gap)
			}
			q := stream.Query{Topics: topics, After: p.Reached}
			wantGap(t, "where such a page ends", page(t, log, q).Gap)
		}
	}
}

// anywhere asks for events after a time, where no reader claims to have been.
func anywhere(t *testing.T, open Open) {
	keep := Generous
	keep.Events = 2
	log := open(t, keep)
	last := addEach(t, log, "a", 5)[4]
	for after, want := range map[stream.ID]int{{}: 2, last: 0, {Ms: last.Ms + 1e9}: 0} {
		p := page(t, log, stream.Query{Topics: selection(t, "a"), After: after, Anywhere: true})
		if len(p.Events) != want || p.Gap != nil || p.Reached != last {
			t.Errorf("after %v: %+v", after, p)
		}
	}
}
