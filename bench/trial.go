package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"iris-broadcast/bench/internal/figures"
	"iris-broadcast/bench/internal/loadgen"
	"iris-broadcast/bench/internal/procfs"
)

// trial is one run of a case on one server, and its results.
type trial struct {
	Case   string
	Server string
	Values map[string]float64 // by metric
	Notes  []string           `json:",omitempty"`

	lab     *lab
	kind    kind
	running []func() // ends servers and clients
}

// size returns full, or quick with -quick.
func size[T any](t *trial, full, quick T) T {
	if t.lab.options.quick {
		return quick
	}
	return full
}

func (t *trial) set(metric string, value float64) { t.Values[metric] = value }

func (t *trial) note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

// line is what the progress shows of it.
func (t *trial) line() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(t.Values)) {
		fmt.Fprintf(&b, " %s=%s", name, figures.Significant(t.Values[name]))
	}
	for _, note := range t.Notes {
		fmt.Fprintf(&b, " [%s]", note)
	}
	return b.String()
}

func (t *trial) cleanup() {
	for _, end := range slices.Backward(t.running) {
		end()
	}
	t.running = nil
}

// bed is a fresh server and its clients.
type bed struct {
	*trial
	process *process
	pool    *loadgen.Pool
	publish *loadgen.Publishing
}

// inflight is how many handshakes may be in flight.
const inflight = 500

// settle is how long a server may take from sending a stream's head to listing the client.
const settle = 500 * time.Millisecond

// bed starts the server and prepares clients, assigned to the topics in turn.
func (t *trial) bed(ctx context.Context, clients, topics, eventSize, publishers int) (*bed, error) {
	p, err := t.lab.start(ctx, t.kind)
	if err != nil {
		return nil, err
	}
	t.running = append(t.running, p.stop)
	pool, err := loadgen.NewPool(p.address, inflight)
	if err != nil {
		return nil, err
	}
	t.running = append(t.running, pool.Close)
	for i := range clients {
		pool.Add(topicPath(i%topics), i%topics)
	}
	b := &bed{trial: t, process: p, pool: pool}
	b.publish = &loadgen.Publishing{Address: p.address, Path: topicPath, Size: eventSize,
		Ledger: loadgen.NewLedger(topics, publishers)}
	if t.kind.tls {
		b.publish.TLS = t.lab.certificate.Client
	}
	return b, nil
}

func topicPath(topic int) string { return fmt.Sprintf("/events/t%d", topic) }

// connect connects all clients.
func (b *bed) connect(ctx context.Context) error {
	if err := b.pool.Connect(ctx, b.pool.Clients(), nil); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return pause(ctx, settle)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// meter measures a stretch of a trial.
type meter struct {
	bed       *bed
	pids      []int
	began     time.Time
	cpu, load time.Duration
}

func (b *bed) measure() *meter {
	b.pool.Take()
	pids := b.process.pids()
	return &meter{b, pids, time.Now(), procfs.CPU(pids), procfs.CPU([]int{os.Getpid()})}
}

// window is what a meter has measured.
type window struct {
	loadgen.Stats
	length    time.Duration
	cpu, load time.Duration
}

func (m *meter) read() window {
	return window{m.bed.pool.Take(), time.Since(m.began), procfs.CPU(m.pids) - m.cpu,
		procfs.CPU([]int{os.Getpid()}) - m.load}
}

// cost is the server's CPU time for each delivery, in microseconds.
func (w window) cost() float64 {
	return w.cpu.Seconds() * 1e6 / float64(max(w.Stamped, 1))
}

// loadShare is the load's own CPU use, in percent of one CPU.
func (w window) loadShare() float64 { return 100 * w.load.Seconds() / w.length.Seconds() }

func (w window) rate() float64 { return float64(w.Stamped) / w.length.Seconds() }

// quantile is in milliseconds.
func (w window) quantile(q float64) float64 {
	return float64(w.Delay.ValueAtQuantile(q)) / float64(time.Millisecond)
}

// patience is how long nothing may arrive before missing events count as lost.
const patience = 3 * time.Second

// paced publishes at a steady rate, after a warm-up that does not count, and measures until the clients have
// everything.
func (b *bed) paced(ctx context.Context, publishers int, rate float64, length time.Duration) (w window, err error) {
	if err := b.publish.Paced(ctx, publishers, rate, min(time.Second, length)); err != nil {
		return w, err
	}
	before, err := b.pool.CatchUp(ctx, b.publish.Ledger, b.pool.Clients(), true, patience)
	if err != nil {
		return w, err
	}
	m := b.measure()
	if err := b.publish.Paced(ctx, publishers, rate, length); err != nil {
		return w, err
	}
	missing, err := b.pool.CatchUp(ctx, b.publish.Ledger, b.pool.Clients(), true, patience)
	w = m.read()
	b.losses(max(missing, before), w)
	return w, err
}

// flat publishes as fast as the server answers, and measures a window of it.
func (b *bed) flat(ctx context.Context, publishers int, length time.Duration) (w window, err error) {
	publishing, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- b.publish.Flat(publishing, publishers) }()
	if err := pause(ctx, min(time.Second, length)); err != nil {
		return w, err
	}
	m := b.measure()
	select {
	case err := <-ended:
		return w, err
	case <-time.After(length):
	}
	w = m.read()
	stop()
	if err := <-ended; err != nil {
		return w, err
	}
	missing, err := b.pool.CatchUp(ctx, b.publish.Ledger, b.pool.Clients(), false, patience)
	b.losses(missing, w)
	return w, err
}

// losses notes what is wrong with the deliveries of a window.
func (b *bed) losses(missing uint64, w window) {
	b.set("missing", float64(missing))
	if w.Doubled > 0 || w.Reordered > 0 {
		b.note("%d doubled, %d out of order", w.Doubled, w.Reordered)
	}
	if err := b.pool.Ending(); err != nil {
		b.note("clients were ended: %v", err)
	}
	if refused, err := b.publish.Refused(); refused > 0 {
		b.note("%d POSTs refused, the last: %v", refused, err)
	}
}

// isTimeout reports whether a POST got no answer.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
