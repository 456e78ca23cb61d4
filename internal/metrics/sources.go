package metrics

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"iris-broadcast/internal/stream"
)

// Sources are asked for figures at each scrape. All of them are safe for concurrent use.
type Sources struct {
	Version        string // service.Version()
	Store          Store
	Streams        func() int       // open, including those that catch up
	Live           func() int       // of these, the ones that have caught up
	MaxStreams     int              // -max-streams
	Connections    func() int       // open
	MaxConnections int              // that may be open
	Expiry         func() time.Time // of the TLS certificate; the zero time without TLS
}

// Store is a store as its figures see it.
type Store interface {
	Stats() stream.Stats
	Ready(context.Context) error
	Size() float64    // on the disk, in bytes
	Damage() []string // what was damaged there and has been set aside, a sentence each
}

// Scrape adds what the sources say. Call it once.
func (m *Metrics) Scrape(s Sources) { m.registry.MustRegister(s) }

// Describe implements prometheus.Collector. It names nothing in advance: without TLS there is no certificate.
func (s Sources) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s Sources) Collect(ch chan<- prometheus.Metric) {
	f := figures(ch)
	ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("broadcast_build_info",
		"1; the labels are this program's version and Go's.", []string{"version", "goversion"}, nil),
		prometheus.GaugeValue, 1, strings.TrimSuffix(s.Version, " "+runtime.Version()), runtime.Version())
	streams := s.Streams()
	f.gauge("broadcast_streams", "Open streams, including those that catch up.", float64(streams))
	f.gauge("broadcast_streams_limit", "Streams that may be open at once: -max-streams.", float64(s.MaxStreams))
	f.gauge("broadcast_catch_ups", "Streams that read from the log what they missed.",
		float64(max(0, streams-s.Live())))
	f.gauge("broadcast_connections", "Open connections, including those of streams.", float64(s.Connections()))
	f.gauge("broadcast_connections_limit",
		"Connections that may be open; the other file descriptors are reserved for the store and the process itself.",
		float64(s.MaxConnections))
	if expiry := s.Expiry(); !expiry.IsZero() {
		f.gauge("broadcast_tls_certificate_expiry_timestamp_seconds",
			"Unix time when the TLS certificate expires.", float64(expiry.Unix()))
	}
	s.collectStore(f)
}

func (s Sources) collectStore(f figures) {
	stats := s.Store.Stats()
	f.gauge("broadcast_store_topics", "Topics that have events.", float64(stats.Topics))
	f.gauge("broadcast_store_events", "Stored events.", float64(stats.Events))
	f.gauge("broadcast_store_event_bytes", "Size of the stored events, as -keep-bytes counts.", float64(stats.Bytes))
	age := 0.0
	if stats.Oldest != (stream.ID{}) {
		age = max(0, time.Since(stats.Oldest.Time()).Seconds())
	}
	f.gauge("broadcast_store_oldest_event_age_seconds", "Age of the oldest stored event; 0 without events.", age)
	f.gauge("broadcast_store_bytes", "Size of the store on disk; 0 in memory.", s.Store.Size())
	f.gauge("broadcast_store_damage", "Damaged parts of the store that were set aside since the start.",
		float64(len(s.Store.Damage())))
	writable := 0.0
	if s.Store.Ready(context.Background()) == nil {
		writable = 1
	}
	f.gauge("broadcast_store_writable", "1 if events can be appended, else 0.", writable)
	f.counter("broadcast_store_compactions_total", "Compactions; none in memory.", float64(stats.Compactions))
	f.counter("broadcast_store_compaction_seconds_total", "Time that compactions took.", stats.Compacting.Seconds())
	f.histogram("broadcast_store_sync_seconds", "How long the disk took to sync what was appended.", stats.Syncs)
}

// figures is where Collect sends its figures.
type figures chan<- prometheus.Metric

func (f figures) gauge(name, help string, value float64) {
	f <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value)
}

func (f figures) counter(name, help string, value float64) {
	f <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, value)
}

func (f figures) histogram(name, help string, d stream.Durations) {
	within := map[float64]uint64{}
	for bound, n := range d.Within {
		within[bound.Seconds()] = n
	}
	f <- prometheus.MustNewConstHistogram(prometheus.NewDesc(name, help, nil, nil), d.Count, d.Sum.Seconds(), within)
}
