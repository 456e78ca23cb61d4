package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"iris-broadcast/bench/internal/loadgen"
)

// report is what a run found. Its JSON is what -json writes.
type report struct {
	Command string
	URL     string
	Start   time.Time

	Clients, Slow, Topics int
	Rate                  float64 // planned, in events a second; 0 if only listening
	Size                  int     // of an event's data, in bytes
	Listening             bool

	Connected      int
	ConnectSeconds float64
	Seconds        float64 // of publishing or listening
	Published      uint64
	RunEvents      uint64 // received in those seconds
	Events         uint64 // received in all
	Missing        uint64
	Doubled        uint64
	Reordered      uint64
	Refused        uint64 // POSTs answered with other than 2xx
	Ended          uint64 // streams that the server ended
	EndedWhy       string `json:",omitempty"`
	SlowEnded      int    // slow clients that the server ended
	StormSeconds   float64

	Delay *Delay `json:",omitempty"` // nil if no event carried a stamp

	Local      bool    // the server runs on this machine
	CPUSeconds float64 // of the server while publishing
	PeakMemory int64   // of the server, in bytes

	Timeline []Sample

	histogram *hdrhistogram.Histogram
}

// Delay is from the planned time of sending to the receipt, in milliseconds.
type Delay struct{ P50, P90, P99, P999, Max float64 }

// Sample is one point of the timeline.
type Sample struct {
	At       float64 // its middle, in seconds from the start
	Rate     float64 // deliveries a second
	P50, P99 float64 // of the delay in milliseconds, 0 if nothing came
	CPU      float64 // of the server, in percent of one CPU
	Memory   int64   // of the server, in bytes
	end      float64
}

func newReport(s settings) *report {
	r := &report{URL: strings.ReplaceAll(s.stream.String(), "%7Btopic%7D", topicMark),
		Start:   time.Now().Round(time.Second),
		Clients: s.clients, Slow: s.slow, Topics: s.topics, Listening: s.publish == nil}
	if !r.Listening {
		r.Rate, r.Size = s.rate, s.size
	}
	return r
}

// Right reports whether every event came once and in order.
func (r *report) Right() bool { return r.Missing == 0 && r.Doubled == 0 && r.Reordered == 0 }

// PerSecond is the deliveries a second while events were published.
func (r *report) PerSecond() float64 { return float64(r.RunEvents) / max(r.Seconds, 1e-9) }

// CPUCost is the server's CPU time for a delivery, in microseconds.
func (r *report) CPUCost() float64 { return r.CPUSeconds * 1e6 / float64(max(r.RunEvents, 1)) }

// CPUPercent is the server's CPU use while events were published, in percent of one CPU.
func (r *report) CPUPercent() float64 { return 100 * r.CPUSeconds / max(r.Seconds, 1e-9) }

func (r *report) delays(h *hdrhistogram.Histogram) {
	if h == nil || h.TotalCount() == 0 {
		return
	}
	r.histogram = hdrhistogram.Import(h.Export())
	r.Delay = &Delay{quantile(h, 50), quantile(h, 90), quantile(h, 99), quantile(h, 99.9), float64(h.Max()) / 1e6}
}

// quantile is in milliseconds; q in percent.
func quantile(h *hdrhistogram.Histogram, q float64) float64 {
	return float64(h.ValueAtQuantile(q)) / 1e6
}

// sample adds a point to the timeline.
func (r *report) sample(at float64, got loadgen.Stats, cpu time.Duration, memory int64) {
	last := 0.0
	if n := len(r.Timeline); n > 0 {
		last = r.Timeline[n-1].end
	}
	length := at - last
	if length < 0.1 { // too short for a rate
		return
	}
	s := Sample{At: at - length/2, Rate: float64(got.Events) / length, CPU: 100 * cpu.Seconds() / length,
		Memory: memory, end: at}
	if got.Delay.TotalCount() > 0 {
		s.P50, s.P99 = quantile(got.Delay, 50), quantile(got.Delay, 99)
	}
	r.Timeline = append(r.Timeline, s)
}

func topics(n int) string {
	if n == 1 {
		return "one topic"
	}
	return commas(uint64(n)) + " topics"
}

// Fact is one line of the table.
type Fact struct {
	Name, Value string
	Bad         bool
}

// Facts is the table.
func (r *report) Facts() (facts []Fact) {
	add := func(name, format string, args ...any) {
		facts = append(facts, Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	count := func(name string, n uint64) {
		facts = append(facts, Fact{name, commas(n), n > 0})
	}
	add("connected", "%s of %s in %.1f s", commas(uint64(r.Connected)), commas(uint64(r.Clients)), r.ConnectSeconds)
	if !r.Listening {
		add("published", "%s events of %s bytes, %s", commas(r.Published), commas(uint64(r.Size)), topics(r.Topics))
	}
	add("events received", "%s", commas(r.Events))
	add("deliveries/s", "%s", commas(uint64(r.PerSecond())))
	count("missing", r.Missing)
	count("doubled", r.Doubled)
	count("out of order", r.Reordered)
	if r.Refused > 0 {
		count("POSTs refused", r.Refused)
	}
	if r.Ended > 0 {
		add("streams ended", "%s, the first because: %s", commas(r.Ended), r.EndedWhy)
	}
	if d := r.Delay; d != nil {
		add("delay p50", "%s", millis(d.P50))
		add("delay p90", "%s", millis(d.P90))
		add("delay p99", "%s", millis(d.P99))
		add("delay p99.9", "%s", millis(d.P999))
		add("delay max", "%s", millis(d.Max))
	}
	if r.Slow > 0 {
		add("slow clients", "%s, of which the server ended %s", commas(uint64(r.Slow)), commas(uint64(r.SlowEnded)))
	}
	if r.StormSeconds > 0 {
		add("storm", "all back and caught up after %.2f s", r.StormSeconds)
	}
	if r.Local {
		add("server's CPU", "%.0f %% of one, %.2f µs a delivery", r.CPUPercent(), r.CPUCost())
		add("server's peak memory", "%.1f MiB", float64(r.PeakMemory)/(1<<20))
	}
	return facts
}

func (r *report) table(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w)
	for _, f := range r.Facts() {
		mark := ""
		if f.Bad {
			mark = "  <--"
		}
		fmt.Fprintf(w, "%s\t%s%s\n", f.Name, f.Value, mark)
	}
	w.Flush()
}

// millis writes milliseconds with three significant digits.
func millis(ms float64) string {
	switch {
	case ms >= 10000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

func commas(n uint64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", commas(n/1000), n%1000)
}
