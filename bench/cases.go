package main

import (
	"context"
	"fmt"
	"time"

	"iris-broadcast/bench/internal/procfs"
)

// testCase is one question to all servers.
type testCase struct {
	name    string
	title   string
	servers []string
	metrics []metric
	run     func(context.Context, *trial) error
}

// metric is one column of a case's table.
type metric struct {
	name  string
	title string // with its unit
	chart bool   // has a panel in the picture
}

var (
	plain   = []string{"ours", "before", "floor", "nchan", "go-sse", "r3labs"}
	growing = []string{"ours", "before", "floor", "nchan", "go-sse"}
	replays = []string{"ours", "before", "nchan", "go-sse", "r3labs"}
	secure  = []string{"ours", "ours-tls", "ours-h2", "go-sse", "r3labs"}
)

var (
	p50     = metric{"p50", "p50 delay, ms", false}
	p99     = metric{"p99", "p99 delay, ms", true}
	cost    = metric{"cost", "CPU µs a delivery", true}
	rate    = metric{"rate", "deliveries/s", true}
	missing = metric{"missing", "missing", false}
	ended   = metric{"ended", "clients ended", false}
	load    = metric{"load", "load's CPU, %", false}
)

// eventSize is the default size of an event's data, in bytes.
const eventSize = 100

var cases = []testCase{
	{"steady", "steady: 5,000 clients, 10 events/s", plain, []metric{p50, p99, cost, missing, load}, steady},
	{"flat", "flat: 1,000 clients, 64 publishers as fast as the server answers", plain,
		[]metric{rate, cost, missing, ended, load}, flat},
	{"idle", "idle: 15,000 clients, nothing sent", plain,
		[]metric{{"memory", "KiB a client", true}, {"connect", "CPU µs to connect", true}}, idle},
	{"slow", "slow: 1,000 clients, 100 of which never read; 50 events/s of 4 KiB", plain, slowMetrics, slow},
	{"wave", "wave: 40 clients, 30 of which stop reading for 2.5 s again and again; 50 events/s of 6 KiB", plain,
		waveMetrics, wave},
	{"storm", "storm: 5,000 clients come back 100 events behind", replays,
		[]metric{{"caught", "all caught up, s", true}, missing, {"doubled", "doubled", false}, load}, storm},
	{"topics", "topics: 10,000 topics with a client each, 5,000 events/s", plain,
		[]metric{p50, p99, cost, missing, load}, topics},
	{"growth", "growth: CPU µs a delivery, at a constant 40,000 deliveries/s", growing, growthMetrics(), growth},
	{"one", "one: an event at a time to one client", plain,
		[]metric{{"p50", "p50 delay, ms", true}, {"p99", "p99 delay, ms", false}, missing}, one},
	{"tls", "tls: 1,000 clients on net/http, 64 publishers flat out; then 20 events/s", secure,
		[]metric{rate, cost, missing, ended, load}, overTLS},
}

func caseNames() (names []string) {
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// publishers is how many publish at a steady rate.
const publishers = 16

func steady(ctx context.Context, t *trial) error {
	b, err := t.bed(ctx, size(t, 5000, 200), 1, eventSize, publishers)
	if err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	w, err := b.paced(ctx, publishers, 10, size(t, 10*time.Second, 2*time.Second))
	b.delays(w)
	return err
}

// delays sets the metrics of the cases at a steady rate.
func (b *bed) delays(w window) {
	if w.Delay == nil {
		return
	}
	b.set("p50", w.quantile(50))
	b.set("p99", w.quantile(99))
	b.set("cost", w.cost())
	b.set("load", w.loadShare())
}

// flatPublishers is how many publish as fast as they are answered.
const flatPublishers = 64

func flat(ctx context.Context, t *trial) error {
	b, err := t.bed(ctx, size(t, 1000, 100), 1, eventSize, flatPublishers)
	if err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	w, err := b.flat(ctx, flatPublishers, size(t, 10*time.Second, 2*time.Second))
	b.throughput(w)
	return err
}

// throughput sets the metrics of the cases that publish flat out.
func (b *bed) throughput(w window) {
	if w.Delay == nil {
		return
	}
	b.set("rate", w.rate())
	b.set("cost", w.cost())
	b.set("ended", float64(b.pool.EndedOf(b.pool.Clients())))
	b.set("load", w.loadShare())
}

func idle(ctx context.Context, t *trial) error {
	const first = 50 // connect earlier, so that one-time allocations count for no client
	n := size(t, 15000, 500)
	b, err := t.bed(ctx, first+n, 1, eventSize, 1)
	if err != nil {
		return err
	}
	clients := b.pool.Clients()
	if err := b.pool.Connect(ctx, clients[:first], nil); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	empty, err := b.stableMemory(ctx)
	if err != nil {
		return err
	}
	before := procfs.CPU(b.process.pids())
	if err := b.pool.Connect(ctx, clients[first:], nil); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	b.set("connect", float64((procfs.CPU(b.process.pids())-before).Microseconds())/float64(n))
	full, err := b.stableMemory(ctx)
	b.set("memory", float64(full-empty)/1024/float64(n))
	return err
}

// stableMemory is the server's resident memory in bytes, once it no longer changes.
func (b *bed) stableMemory(ctx context.Context) (int64, error) {
	const interval, stableFor, giveUp = 250 * time.Millisecond, 8, 80
	pids := b.process.pids()
	last, same := int64(0), 0
	for range giveUp {
		if err := pause(ctx, interval); err != nil {
			return 0, err
		}
		now := procfs.Memory(pids)
		if same++; now-last > last/200 || last-now > last/200 {
			last, same = now, 0
		}
		if same == stableFor {
			return now, nil
		}
	}
	b.note("memory was not stable")
	return last, nil
}

func topics(ctx context.Context, t *trial) error {
	n := size(t, 10000, 300)
	b, err := t.bed(ctx, n, n, eventSize, publishers)
	if err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	w, err := b.paced(ctx, publishers, size(t, 5000.0, 500), size(t, 10*time.Second, 2*time.Second))
	b.delays(w)
	return err
}

// growthSizes are the numbers of clients, in turn.
var growthSizes = []int{1000, 2000, 5000, 10000, 15000}

func growthMetrics() (metrics []metric) {
	for _, n := range growthSizes {
		metrics = append(metrics, metric{growthMetric(n), fmt.Sprintf("%dk clients", n/1000), true})
	}
	return metrics
}

func growthMetric(n int) string { return fmt.Sprintf("cost%05d", n) }

func growth(ctx context.Context, t *trial) error {
	for _, full := range growthSizes {
		n := size(t, full, full/20)
		b, err := t.bed(ctx, n, 1, eventSize, publishers)
		if err != nil {
			return err
		}
		if err := b.connect(ctx); err != nil {
			return err
		}
		deliveries := size(t, 40000.0, 4000)
		w, err := b.paced(ctx, publishers, deliveries/float64(n), size(t, 6*time.Second, 2*time.Second))
		if err != nil {
			return fmt.Errorf("%d clients: %w", n, err)
		}
		t.set(growthMetric(full), w.cost())
		t.cleanup()
	}
	return nil
}

func one(ctx context.Context, t *trial) error {
	b, err := t.bed(ctx, 1, 1, eventSize, 1)
	if err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	const between = 3 * time.Millisecond
	if err := b.publish.Spaced(ctx, 100, between); err != nil { // a warm-up
		return err
	}
	m := b.measure()
	if err := b.publish.Spaced(ctx, size(t, 2000, 200), between); err != nil {
		return err
	}
	missing, err := b.pool.CatchUp(ctx, b.publish.Ledger, b.pool.Clients(), true, patience)
	w := m.read()
	b.delays(w)
	b.losses(missing, w)
	return err
}
