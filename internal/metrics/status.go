package metrics

import (
	"math"
	"runtime/metrics"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Status is what the status page shows: current values, rates since the previous Status, and totals since the start.
type Status struct {
	Streams    int     `json:"streams"`
	Events     float64 `json:"events_per_second"`
	Deliveries float64 `json:"deliveries_per_second"`

	// From append to write, in milliseconds; nil if nothing was delivered.
	DelayP99 *float64 `json:"delay_p99_ms"`
	DelayP90 *float64 `json:"delay_p90_ms"`
	DelayP50 *float64 `json:"delay_p50_ms"`

	Bytes float64 `json:"bytes_per_second"`

	Left       int `json:"ended_left"`
	Stalled    int `json:"ended_stalled"`
	Pending    int `json:"ended_pending"`
	TurnedAway int `json:"turned_away"`
	Gaps       int `json:"gaps"`

	Watching int `json:"watching"` // streams of what clients publish; not of this status

	Memory float64 `json:"memory_mib"` // held by the Go runtime
	Store  float64 `json:"store_mib"`
}

// Watch computes one Status after the other. It is for one goroutine.
type Watch struct {
	metrics *Metrics
	at      time.Time // when the figures below were read

	events, deliveries, bytes float64
	delays                    *dto.Histogram
}

// NewWatch returns a Watch whose first Status covers the time from now on.
func NewWatch(m *Metrics) *Watch {
	w := &Watch{metrics: m}
	w.Status(time.Now(), 0, 0, 0)
	return w
}

// Status returns the Status at now. store is in bytes.
func (w *Watch) Status(now time.Time, streams, watching int, store float64) Status {
	m := w.metrics
	ended := func(reason Reason) int { return int(count(m.ended[reason])) }
	last := *w
	*w = Watch{metrics: m, at: now, events: count(m.Events), deliveries: count(m.Deliveries), bytes: count(m.Bytes),
		delays: read(m.Delay).Histogram}
	seconds := max(now.Sub(last.at).Seconds(), 0.001)
	return Status{
		Streams:    streams,
		Watching:   watching,
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

// percentile estimates, in milliseconds, a quantile of the observations between two readings of a histogram. It
// interpolates linearly within a bucket; above the last bucket it is that bucket's bound. It is nil without
// observations.
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

// memory is how many bytes the Go runtime holds.
func memory() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// Round rounds to three significant digits, but never before the decimal point.
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
		panic(err) // only for labels that are not UTF-8
	}
	return &figures
}
