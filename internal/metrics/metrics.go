// Package metrics is every figure that the server tells of itself, for Prometheus. No label holds what a visitor wrote.
package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"iris-broadcast/internal/stream"
)

// Reason is why a stream ended.
type Reason int

// The reasons.
const (
	Open    Reason = iota // it has not
	Left                  // the client went away
	Stalled               // the client's socket took nothing for -stall
	Pending               // more than -max-pending waited behind the client's full socket
	Closing               // the server is closing
)

// reasons are the reasons' names, as labels and in the log.
var reasons = [...]string{Open: "open", Left: "left", Stalled: "stalled", Pending: "pending", Closing: "closing"}

// String names the reason.
func (r Reason) String() string { return reasons[r] }

// Metrics are the figures of one server. They are safe for concurrent use.
type Metrics struct {
	Gaps  prometheus.Counter // gap events sent
	Lists prometheus.Gauge   // lists being read

	Events     prometheus.Counter   // told to the broker
	Deliveries prometheus.Counter   // an event, written to one client
	Bytes      prometheus.Counter   // written for them
	Batch      prometheus.Histogram // events that went out in one write
	Delay      prometheus.Histogram // seconds from an event's append until its writer has written it
	Append     prometheus.Histogram // seconds that Log.Append took
	Refused    prometheus.Counter   // appends that failed

	opened     prometheus.Counter               // streams that were registered
	ended      [len(reasons)]prometheus.Counter // streams that have ended, by reason
	turnedAway prometheus.Counter               // clients for which there was no place

	registry *prometheus.Registry
}

// New returns metrics that stand at zero.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.opened = m.counter("broadcast_streams_opened_total", "Streams that began.")
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "broadcast_streams_ended_total", Help: "Streams that ended, by reason."}, []string{"reason"})
	m.registry.MustRegister(ended)
	for reason := Left; int(reason) < len(reasons); reason++ {
		m.ended[reason] = ended.WithLabelValues(reason.String())
	}
	m.turnedAway = m.counter("broadcast_streams_turned_away_total", "Clients for which all of -max-streams were taken.")
	m.Gaps = m.counter("broadcast_gaps_total", "Streams told that events they asked for are gone.")

	m.Lists = prometheus.NewGauge(prometheus.GaugeOpts{Name: "broadcast_lists", Help: "Lists of events being read."})
	m.registry.MustRegister(m.Lists)
	m.Events = m.counter("broadcast_events_total", "Events that were appended to the log and came to this node.")
	m.Deliveries = m.counter("broadcast_deliveries_total",
		"Events written to clients: one event to ten clients is ten.")
	m.Bytes = m.counter("broadcast_delivered_bytes_total", "Bytes of events written to clients.")
	m.Batch = m.histogram("broadcast_batch_events", "Events that went out in one write.",
		prometheus.ExponentialBuckets(1, 2, 12))
	m.Delay = m.histogram("broadcast_delivery_delay_seconds",
		"From an event's append until it was written, of the oldest in each batch.",
		prometheus.ExponentialBuckets(0.0005, 1.5, 28))
	m.Append = m.histogram("broadcast_append_seconds", "How long publishers waited for the log.",
		prometheus.ExponentialBuckets(0.00005, 2, 18))
	m.Refused = m.counter("broadcast_append_failures_total", "Events that the log did not take.")
	return m
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

// Handler answers with all of them, in the text format of Prometheus or OpenMetrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Joined counts a stream that has been registered.
func (m *Metrics) Joined() { m.opened.Inc() }

// Left counts a registered stream that has ended.
func (m *Metrics) Left(reason Reason) { m.ended[reason].Inc() }

// TurnedAway counts a client for which there was no place.
func (m *Metrics) TurnedAway() { m.turnedAway.Inc() }

// Since observes how long ago that was: a Unix time in milliseconds, which may be of another clock, or 0 for none.
func (m *Metrics) Since(ms uint64, now time.Time) {
	if ms > 0 {
		m.Delay.Observe(max(now.Sub(time.UnixMilli(int64(ms))), 0).Seconds())
	}
}

// Measured is a log whose events and appends are counted.
type Measured struct {
	stream.Log
	Metrics *Metrics
}

// Append implements stream.Log.
func (l Measured) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	began := time.Now()
	ids, err := l.Log.Append(ctx, events...)
	if l.Metrics.Append.Observe(time.Since(began).Seconds()); err != nil {
		l.Metrics.Refused.Inc()
	}
	return ids, err
}

// Follow implements stream.Log.
func (l Measured) Follow(ctx context.Context, after stream.ID, deliver func(stream.Batch) error) error {
	return l.Log.Follow(ctx, after, func(batch stream.Batch) error {
		l.Metrics.Events.Add(float64(len(batch.Events)))
		return deliver(batch)
	})
}
