package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"iris-broadcast/bench/internal/loadgen"
)

var waveMetrics = []metric{
	{"p99", "others' p99 delay, ms", true},
	{"p99without", "the same in quiet, ms", false},
	{"ended", "of the crowd, ended", false},
}

// wave has a crowd stop reading for 2.5 s again and again: long enough for its sockets to fill, too short to be ended.
func wave(ctx context.Context, t *trial) error {
	const others, crowd, perSecond, bytes = 10, 30, 50, 6 << 10
	b, err := t.bed(ctx, others, 1, bytes, publishers)
	if err != nil {
		return err
	}
	pool, err := loadgen.NewPool(b.process.address, inflight)
	if err != nil {
		return err
	}
	t.running = append(t.running, pool.Close)
	for range crowd {
		pool.Add(topicPath(0), 0).Slow = true // with a small receive buffer
	}
	if err := errors.Join(b.connect(ctx), pool.Connect(ctx, pool.Clients(), nil)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	pool.Resume(pool.Clients())
	quiet, err := b.paced(ctx, publishers, perSecond, size(t, 10*time.Second, time.Second))
	if err != nil {
		return err
	}
	waving, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for waving.Err() == nil {
			pool.Pause(pool.Clients())
			pause(waving, 2500*time.Millisecond)
			pool.Resume(pool.Clients())
			pause(waving, 2500*time.Millisecond)
		}
	}()
	// The server may hold publishers up for a moment, in case the machine is what is slow: that is not measured.
	if err := b.publish.Paced(ctx, publishers, perSecond, size(t, 10*time.Second, time.Second)); err != nil {
		return err
	}
	w, err := b.paced(ctx, publishers, perSecond, size(t, 30*time.Second, 2*time.Second))
	b.set("p99", w.quantile(99))
	b.set("p99without", quiet.quantile(99))
	b.set("ended", float64(pool.EndedOf(pool.Clients())))
	return err
}
