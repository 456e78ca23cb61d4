package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"iris-broadcast/bench/internal/loadgen"
	"iris-broadcast/bench/internal/procfs"
)

var slowMetrics = []metric{
	{"p99", "others' p99 delay, ms", true},
	{"p99without", "the same without slow ones, ms", false},
	{"got", "others got, % in time", false},
	{"peak", "peak memory, MiB", true},
	{"ended", "slow ones ended", false},
	{"lost", "missing to slow ones in the end", false},
	{"doubled", "doubled", false},
}

func slow(ctx context.Context, t *trial) error {
	without, err := t.slowRound(ctx, 0)
	if err != nil {
		return fmt.Errorf("without slow clients: %w", err)
	}
	t.set("p99without", without.quantile(99))
	t.cleanup()
	_, err = t.slowRound(ctx, size(t, 100, 10))
	return err
}

// slowRound lets some of the clients stop reading, and returns what the others received.
func (t *trial) slowRound(ctx context.Context, sleepers int) (w window, err error) {
	const perSecond = 50
	bytes := size(t, 4<<10, 32<<10) // more than the kernel's buffers hold, even in a few seconds
	b, err := t.bed(ctx, size(t, 1000, 100), 1, bytes, publishers)
	if err != nil {
		return w, err
	}
	clients := b.pool.Clients()
	readers, slow := clients[sleepers:], clients[:sleepers]
	for _, c := range slow {
		c.Slow = true
	}
	if err := b.connect(ctx); err != nil {
		return w, err
	}
	m := b.measure()
	peak := b.watchMemory(ctx)
	length := size(t, 10*time.Second, 2*time.Second)
	if sleepers > 0 { // longer than the kernel's buffers last
		length = size(t, 30*time.Second, 4*time.Second)
	}
	failed := b.publish.Paced(ctx, publishers, perSecond, length)
	if failed != nil && !isTimeout(failed) {
		return w, failed
	}
	if _, err := b.pool.CatchUp(ctx, b.publish.Ledger, readers, true, patience); err != nil {
		return w, err
	}
	w = m.read()
	planned := uint64(perSecond*length.Seconds()) * uint64(len(readers))
	t.set("got", 100*float64(w.Stamped)/float64(planned))
	if w.Stamped < planned {
		// Events that never came count with the time waited for them: otherwise a server that stops would have the best
		// delays.
		w.Delay.RecordValues(int64(w.length), int64(planned-w.Stamped))
	}
	t.set("p99", w.quantile(99))
	t.set("peak", float64(peak())/(1<<20))
	if failed != nil {
		t.note("publishers got no answer")
	}
	if sleepers == 0 {
		return w, nil
	}
	return w, b.wakeUp(ctx, slow)
}

// wakeUp makes the slow clients read what is left for them, and reconnect if the server ended them.
func (b *bed) wakeUp(ctx context.Context, slow []*loadgen.Client) error {
	b.pool.Reconnect.Store(true)
	b.pool.Resume(slow)
	lost, err := b.pool.CatchUp(ctx, b.publish.Ledger, slow, true, 2*patience)
	b.set("ended", float64(b.pool.EndedOf(slow)))
	b.set("lost", float64(lost))
	w := b.pool.Take()
	b.set("doubled", float64(w.Doubled))
	return err
}

// watchMemory observes the server's memory from now on. The function it returns stops that and returns the peak in
// bytes.
func (b *bed) watchMemory(ctx context.Context) func() int64 {
	pids := b.process.pids()
	watching, stop := context.WithCancel(ctx)
	peak := make(chan int64)
	go func() {
		most := procfs.Memory(pids)
		for pause(watching, 200*time.Millisecond) == nil {
			most = max(most, procfs.Memory(pids))
		}
		peak <- max(most, procfs.Memory(pids))
	}()
	return func() int64 {
		stop()
		return <-peak
	}
}

func storm(ctx context.Context, t *trial) error {
	const behind = 100
	b, err := t.bed(ctx, size(t, 5000, 200), 1, eventSize, 1)
	if err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	// One event, so that every client has an id even if the head has none.
	if err := b.publish.Spaced(ctx, 1, 0); err != nil {
		return err
	}
	clients := b.pool.Clients()
	if lost, err := b.pool.CatchUp(ctx, b.publish.Ledger, clients, true, patience); err != nil || lost > 0 {
		return fmt.Errorf("the first event did not come to %d clients (%v)", lost, err)
	}
	b.pool.Cut(clients)
	if err := pause(ctx, 2*settle); err != nil {
		return err
	}
	if err := b.publish.Spaced(ctx, behind, 0); err != nil {
		return err
	}
	m := b.measure()
	if err := b.pool.Connect(ctx, clients, nil); err != nil {
		return fmt.Errorf("come back: %w", err)
	}
	began := time.Now()
	lost, err := b.pool.CatchUp(ctx, b.publish.Ledger, clients, true, patience)
	length := time.Since(m.began)
	if lost > 0 {
		length -= min(patience, time.Since(began))
		b.note("never caught up")
	}
	w := m.read()
	b.set("caught", length.Seconds())
	b.set("doubled", float64(w.Doubled))
	b.set("missing", float64(lost))
	b.set("load", w.loadShare())
	return err
}

// streamsPerConn is how many streams share an HTTP/2 connection.
const streamsPerConn = 200

// overTLS reads from all servers through net/http, even in clear text.
func overTLS(ctx context.Context, t *trial) error {
	length := size(t, 10*time.Second, 2*time.Second)
	for _, publish := range []func(*bed) error{
		func(b *bed) error {
			w, err := b.flat(ctx, flatPublishers, length)
			b.throughput(w)
			return err
		},
		func(b *bed) error {
			lost := b.Values["missing"]
			w, err := b.paced(ctx, publishers, 20, length)
			b.set("cost", w.cost())
			b.set("missing", b.Values["missing"]+lost)
			return err
		},
	} {
		b, err := t.bed(ctx, size(t, 1000, 100), 1, eventSize, flatPublishers)
		if err != nil {
			return err
		}
		b.useWeb()
		if err := b.connect(ctx); err != nil {
			return err
		}
		if err := publish(b); err != nil {
			return err
		}
		t.cleanup()
	}
	return nil
}

// useWeb makes the clients read through net/http.
func (b *bed) useWeb() {
	scheme, config := "http://", b.lab.certificate.Client
	if b.kind.tls {
		scheme = "https://"
	}
	b.pool.URL = func(path string) string { return scheme + b.process.address + path }
	if !b.kind.http2 {
		one := &http.Client{Transport: &http.Transport{
			TLSClientConfig:    config.Clone(),
			TLSNextProto:       map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1
			DisableCompression: true,
		}}
		b.pool.Web = func(int) *http.Client { return one }
		return
	}
	var http2 http.Protocols
	http2.SetHTTP2(true)
	var connections []*http.Client
	for range len(b.pool.Clients())/streamsPerConn + 1 {
		connections = append(connections, &http.Client{Transport: &http.Transport{
			TLSClientConfig:    config.Clone(),
			Protocols:          &http2,
			MaxConnsPerHost:    1,
			DisableCompression: true,
		}})
	}
	b.pool.Web = func(client int) *http.Client { return connections[client/streamsPerConn] }
}
