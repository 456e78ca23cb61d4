package soak

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"iris-broadcast/bench/internal/figures"
)

// Report is what a run found. Its JSON is what -json writes.
type Report struct {
	Start   time.Time
	Seconds float64
	Results []Result
}

// Result is what was found of one server.
type Result struct {
	Server   string
	Verdicts []Verdict

	// Of the checked streams.
	Published, Received, Missing uint64
	Doubled, Reordered, Gaps     uint64
	DelayP50, DelayP90           float64 // of the small events, in milliseconds, resumed streams included

	Happened []Fact
	CPU      float64  // in percent of one CPU
	Faults   []string // wrong answers and failures
	LogLines int
	Log      string // how it ends
	Samples  []Sample
}

// Fact is how often something was done to a server.
type Fact struct {
	Name   string
	Number float64
	Bad    bool // never, although it is to be soaked, or at all, although it must not happen
}

// Right reports whether all is flat and nothing was lost, doubled, out of order or refused.
func (r *Report) Right() bool {
	for _, one := range r.Results {
		if !one.right() {
			return false
		}
	}
	return len(r.Results) > 0
}

func (r Result) right() bool {
	for _, v := range r.Verdicts {
		if v.Grew {
			return false
		}
	}
	for _, f := range r.Happened {
		if f.Bad {
			return false
		}
	}
	return r.Missing+r.Doubled+r.Reordered+r.Gaps == 0 && len(r.Faults) == 0
}

// judge gives the verdicts.
func (r *Result) judge(seconds float64) {
	for _, q := range quantities {
		if v := q.judge(r.Samples, seconds); v.Second > 0 || v.Last > 0 || v.Grew {
			r.Verdicts = append(r.Verdicts, v)
		}
	}
	for _, s := range r.Samples {
		r.CPU += s.CPU / float64(len(r.Samples))
	}
}

// happened lists what was done to the server. In a full cycle each of it must occur.
func (r *Result) happened(s *site, metrics map[string]float64) {
	whole := s.cycle >= 30*time.Second
	must := func(name string, n float64) { r.Happened = append(r.Happened, Fact{name, n, whole && n == 0}) }
	metric := func(name, key string) { must(name, metrics["broadcast_"+key]) }
	metric("streams opened", "streams_opened_total")
	metric("streams turned away", "streams_turned_away_total")
	must("streams cut and resumed", float64(s.returned.Load()))
	metric("streams ended: the client left", `streams_ended_total{reason="left"}`)
	must("streams ended: the client was too slow", metrics[`broadcast_streams_ended_total{reason="stalled"}`]+
		metrics[`broadcast_streams_ended_total{reason="pending"}`])
	metric("events published", "events_total")
	metric("deliveries", "deliveries_total")
	must("new topics", float64(s.made.Load()-s.noRoom.Load()))
	must("new topics refused at -max-topics", float64(s.noRoom.Load()))
	must("other requests", float64(s.requests.Load()))
	must("clients that vanish, stall or send half a request", float64(s.guests.Load()))
	must("audit records, kept for ever on disk", float64(s.audits.Load()))
	must("comments, kept for ever", float64(s.comments.Load()))
	must("likes and unlikes", float64(s.likes.Load()))
	if s.server.kind.disk {
		must("bytes kept for ever, not counted in the directory", float64(s.kept.Load()))
		must("backups", float64(s.backups.Load()))
	}
	r.Happened = append(r.Happened,
		Fact{"gaps in all: an unchecked client that asks for all and reads nothing may get one",
			metrics["broadcast_gaps_total"], false})
}

func (r *Report) table(out io.Writer) {
	for _, one := range r.Results {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "\n%s\tsecond quarter\tlast quarter\tgrowth\tflat up to\n", one.Server)
		for _, v := range one.Verdicts {
			fmt.Fprintf(w, "%s\t%s%s\t%s%s\t%+.1f %%\t%s%s%s\n", v.Quantity, figures.Significant(v.Second), v.Unit,
				figures.Significant(v.Last), v.Unit, v.Growth, figures.Significant(v.Allowed), v.Unit, mark(v.Grew))
		}
		w.Flush()
		fmt.Fprintln(out)
		for _, f := range one.Facts() {
			fmt.Fprintf(w, "%s\t%s%s\n", f.Name, figures.Significant(f.Number), mark(f.Bad))
		}
		w.Flush()
		for _, fault := range one.Faults {
			fmt.Fprintf(out, "fault: %s  <--\n", fault)
		}
		if one.LogLines > 0 {
			fmt.Fprintf(out, "the server's log has %d lines, the last are:\n%s\n", one.LogLines, one.Log)
		}
	}
}

func mark(bad bool) string {
	if bad {
		return "  <--"
	}
	return ""
}

// Facts is the figures beside the verdicts.
func (r Result) Facts() []Fact {
	bad := func(name string, n uint64) Fact { return Fact{name, float64(n), n > 0} }
	facts := []Fact{
		{"checked: published", float64(r.Published), r.Published == 0},
		{"checked: received", float64(r.Received), r.Received == 0},
		bad("missing", r.Missing), bad("doubled", r.Doubled), bad("out of order", r.Reordered),
		bad("gaps", r.Gaps),
		{"delay p50, ms", r.DelayP50, false}, {"delay p90, ms", r.DelayP90, false},
		{"CPU, % of one", r.CPU, false},
	}
	return append(facts, r.Happened...)
}
