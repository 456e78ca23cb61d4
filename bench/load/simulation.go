package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/schollz/progressbar/v3"

	"iris-broadcast/bench/internal/loadgen"
	"iris-broadcast/bench/internal/procfs"
)

const (
	publishers = 16
	inflight   = 500             // handshakes at a time
	patience   = 3 * time.Second // how long nothing may come before what is missing counts as lost
	settle     = time.Second / 2 // between the head of a stream and a server having listed the client
)

// simulation is one run.
type simulation struct {
	settings settings
	progress io.Writer
	pool     *loadgen.Pool
	ledger   *loadgen.Ledger
	publish  *loadgen.Publishing
	pids     []int // of a server on this machine
	report   *report
	total    loadgen.Stats
	began    time.Time
	cpu      time.Duration // of the server, when the last sample was taken
}

func newSimulation(s settings, progress io.Writer) (*simulation, error) {
	pool, err := loadgen.NewPool(s.address, inflight)
	if err != nil {
		return nil, err
	}
	pool.Host, pool.PerSecond = s.stream.Host, s.perSecond
	sim := &simulation{settings: s, progress: progress, pool: pool, ledger: loadgen.NewLedger(s.topics, publishers)}
	if s.stream.Scheme == "https" {
		client := s.client()
		pool.Web = func(int) *http.Client { return client }
		pool.URL = func(path string) string { return "https://" + s.stream.Host + path }
	}
	if s.publish != nil {
		pool.Since = loadgen.Now()
		sim.publish = &loadgen.Publishing{Address: address(s.publish),
			Path: func(topic int) string { return pathOf(s.publish, topic) },
			Size: s.size, Ledger: sim.ledger}
		if s.publish.Scheme == "https" {
			sim.publish.TLS = s.tls()
			sim.publish.TLS.ServerName = s.publish.Hostname()
		}
	}
	for i := range s.clients {
		c := pool.Add(pathOf(s.stream, i%s.topics), i%s.topics)
		c.Slow = i < s.slow
		c.AnyStart = s.publish == nil
	}
	sim.pids = serverPIDs(s.address)
	sim.report = newReport(s)
	return sim, nil
}

// run is the whole run: connect, publish, wait for the rest, and the storm.
func (sim *simulation) run(ctx context.Context) (*report, error) {
	if err := sim.connect(ctx); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	sim.pool.Reconnect.Store(true)
	if err := sim.load(ctx); err != nil {
		return nil, err
	}
	clients := sim.pool.Clients()
	slow, readers := clients[:sim.settings.slow], clients[sim.settings.slow:]
	if _, err := sim.pool.CatchUp(ctx, sim.ledger, readers, true, patience); err != nil {
		return nil, err
	}
	sim.take()
	sim.report.delays(sim.total.Delay)
	if len(slow) > 0 {
		sim.pool.Resume(slow)
		if _, err := sim.pool.CatchUp(ctx, sim.ledger, slow, true, 2*patience); err != nil {
			return nil, err
		}
		sim.report.SlowEnded = sim.pool.EndedOf(slow)
	}
	if sim.settings.storm {
		if err := sim.storm(ctx); err != nil {
			return nil, err
		}
	}
	sim.take()
	sim.finish()
	return sim.report, nil
}

func (sim *simulation) bar(most int, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions(most, progressbar.OptionSetWriter(sim.progress),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(sim.progress) }))
}

func (sim *simulation) connect(ctx context.Context) error {
	bar := sim.bar(sim.settings.clients, "connect")
	began := time.Now()
	if err := sim.pool.Connect(ctx, sim.pool.Clients(), func(done int) { bar.Set(done) }); err != nil {
		fmt.Fprintln(sim.progress)
		return err
	}
	sim.report.ConnectSeconds = time.Since(began).Seconds()
	sim.report.Connected = sim.pool.Connected()
	time.Sleep(settle)
	return nil
}

// load publishes, or only listens, and samples the timeline meanwhile.
func (sim *simulation) load(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, sim.settings.length+patience)
	defer stop()
	ended := make(chan error, 1)
	sim.pool.Take()
	sim.began = time.Now()
	sim.cpu = procfs.CPU(sim.pids)
	started := sim.cpu
	go func() {
		if sim.publish != nil {
			ended <- sim.publish.Paced(ctx, publishers, sim.settings.rate, sim.settings.length)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(sim.settings.length):
		}
		ended <- nil
	}()
	what := "publish"
	if sim.publish == nil {
		what = "listen "
	}
	bar := sim.bar(int(sim.settings.length.Seconds()), what)
	tick := time.NewTicker(sim.settings.sampling())
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			bar.Finish()
			sim.sample()
			sim.report.Seconds = time.Since(sim.began).Seconds()
			sim.report.RunEvents = sim.total.Events
			sim.report.CPUSeconds = (procfs.CPU(sim.pids) - started).Seconds()
			return err
		case <-tick.C:
			sim.sample()
			bar.Set(int(time.Since(sim.began).Seconds()))
		}
	}
}

// take adds what was received since the last call.
func (sim *simulation) take() loadgen.Stats {
	got := sim.pool.Take()
	sim.total.Add(got)
	memory := procfs.Memory(sim.pids)
	sim.report.Local = memory > 0
	sim.report.PeakMemory = max(sim.report.PeakMemory, memory)
	return got
}

// sample adds a point to the timeline.
func (sim *simulation) sample() {
	now := time.Since(sim.began).Seconds()
	cpu := procfs.CPU(sim.pids)
	sim.report.sample(now, sim.take(), cpu-sim.cpu, procfs.Memory(sim.pids))
	sim.cpu = cpu
}

// sampling is the time between points of the timeline.
func (s settings) sampling() time.Duration {
	return min(max(s.length/30, time.Second/2), 10*time.Second)
}

// stormEvents is how many events a storm's clients have to catch up on, per topic.
const stormEvents = 10

// storm disconnects all clients, publishes events, and reconnects all clients at once.
func (sim *simulation) storm(ctx context.Context) error {
	clients := sim.pool.Clients()
	sim.pool.Cut(clients)
	time.Sleep(2 * settle)
	if sim.publish != nil {
		if err := sim.publish.Spaced(ctx, stormEvents*sim.settings.topics, 0); err != nil {
			return err
		}
	}
	sim.pool.PerSecond = 0
	bar := sim.bar(len(clients), "storm  ")
	began := time.Now()
	if err := sim.pool.Connect(ctx, clients, func(done int) { bar.Set(done) }); err != nil {
		return fmt.Errorf("come back: %w", err)
	}
	behind, err := sim.pool.CatchUp(ctx, sim.ledger, clients, true, patience)
	sim.report.StormSeconds = time.Since(began).Seconds()
	if behind > 0 {
		fmt.Fprintf(sim.progress, "after the storm %d events were still missing\n", behind)
	}
	return err
}

// finish fills in what is known only at the end.
func (sim *simulation) finish() {
	r, t := sim.report, sim.total
	behind, jumped := sim.pool.Behind(sim.ledger, sim.pool.Clients(), true)
	r.Missing = behind + jumped
	r.Published = sim.ledger.Published()
	r.Events, r.Doubled, r.Reordered, r.Ended = t.Events, t.Doubled, t.Reordered, t.Ended
	if sim.publish != nil {
		r.Refused, _ = sim.publish.Refused()
	}
	if t.Ended > 0 {
		if err := errors.Join(sim.pool.Err(), sim.pool.Ending()); err != nil {
			r.EndedWhy = err.Error()
		}
	}
}
