package metrics

import (
	"math"
	"runtime/metrics"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Status is the server as its own page shows it: what is now, what came in the time since the status before, and sums since
// the start.
type Status struct {
	Streams    int     `json:"streams"`
	Events     float64 `json:"events_per_second"`
	Deliveries float64 `json:"deliveries_per_second"`

	// From append to write, in milliseconds; nil if nothing was written.
	DelayP99 *float64 `json:"delay_p99_ms"`
	DelayP90 *float64 `json:"delay_p90_ms"`
	DelayP50 *float64 `json:"delay_p50_ms"`

	Bytes float64 `json:"bytes_per_second"`

	Left       int `json:"ended_left"`
	Stalled    int `json:"ended_stalled"`
	Pending    int `json:"ended_pending"`
	TurnedAway int `json:"turned_away"`
	Gaps       int `json:"gaps"`

	Memory float64 `json:"memory_mib"` // that Go holds
	Store  float64 `json:"store_mib"`
}

// Watch makes one Status after the other.
type Watch struct {
	metrics *Metrics
	at      time.Time // of the figures below

	events, deliveries, bytes float64
	delays                    *dto.Histogram
}

// NewWatch returns a Watch whose first Status is of the time from now on.
func NewWatch(m *Metrics) *Watch {
	w := &Watch{metrics: m}
	w.Status(time.Now(), 0, 0)
	return w
}

// Status is what has changed until now. A store's size is in bytes.
func (w *Watch) Status(now time.Time, streams int, store float64) Status {
	m := w.metrics
	ended := func(reason Reason) int { return int(count(m.ended[reason])) }
	last := *w
	*w = Watch{metrics: m, at: now, events: count(m.Events), deliveries: count(m.Deliveries), bytes: count(m.Bytes),
		delays: read(m.Delay).Histogram}
	seconds := max(now.Sub(last.at).Seconds(), 0.001)
	return Status{
		Streams:    streams,
		Events:     Round((w.events - last.events) / seconds),
		Deliveries: Round((w.deliveries - last.deliveries) / seconds),
		Bytes:      Round((w.bytes - last.bytes) / seconds),
		DelayP50:   percentile(last.delays, w.delays, 0.5),
		DelayP90:   percentile(last.delays, w.delays, 0.9),
		DelayP99:   percentile(last.delays, w.delays, 0.99),
		Left:       ended(Left),
		Stalled:    ended(Stalled),
		Pending:    ended(Pending),
		TurnedAway: int(count(m.turnedAway)),
		Gaps:       int(count(m.Gaps)),
		Memory:     Round(memory() / (1 << 20)),
		Store:      Round(store / (1 << 20)),
	}
}

// percentile is, in milliseconds, below what that share of the observations lies that came between two readings of a
// histogram, as the straight line through its bucket has it; above the last bucket it is that one's bound. It is nil if
// there were none.
func percentile(before, after *dto.Histogram, share float64) *float64 {
	all := after.GetSampleCount() - before.GetSampleCount()
	if all == 0 {
		return nil
	}
	want, lower, below := share*float64(all), 0.0, 0.0
	for i, bucket := range after.GetBucket() {
		came := bucket.GetCumulativeCount()
		if i < len(before.GetBucket()) {
			came -= before.GetBucket()[i].GetCumulativeCount()
		}
		if upper, n := bucket.GetUpperBound(), float64(came); n < want {
			lower, below = upper, n
		} else {
			lower += (upper - lower) * (want - below) / (n - below)
			break
		}
	}
	ms := Round(1000 * lower)
	return &ms
}

// memory is how many bytes Go has from the system.
func memory() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// Round is a figure as a status has it: three digits, and all of those before the point.
func Round(x float64) float64 {
	switch {
	case x < 10:
		return math.Round(100*x) / 100
	case x < 100:
		return math.Round(10*x) / 10
	default:
		return math.Round(x)
	}
}

func count(c prometheus.Counter) float64 { return read(c).GetCounter().GetValue() }

func read(metric prometheus.Metric) *dto.Metric {
	var figures dto.Metric
	if err := metric.Write(&figures); err != nil {
		panic(err) // only of labels that are no UTF-8
	}
	return &figures
}
