package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"iris-broadcast/bench/internal/loadgen"
	"iris-broadcast/bench/internal/procfs"
)

const (
	listeners    = 100   // that get events live
	liveRate     = 100.0 // events/s published to them
	liveWriters  = 8
	returning    = 1000 // clients that catch up
	missedEvents = 10_000
	fillWriters  = 64
)

// live measures what live listeners notice of clients that catch up: first on another topic, then on their own.
func live(ctx context.Context, t *trial) error {
	s, err := t.fresh(ctx, roomy...)
	if err != nil {
		return err
	}
	apart, missed := s.topic("apart"), s.topic("missed")
	if err := t.liveRound(ctx, s, "apart", apart, missed); err != nil {
		return fmt.Errorf("on another topic: %w", err)
	}
	same := s.topic("same")
	if err := t.liveRound(ctx, s, "same", same, same); err != nil {
		return fmt.Errorf("on the same topic: %w", err)
	}
	return nil
}

// topic is a topic to publish to.
func (s *server) topic(name string) *loadgen.Publishing {
	return &loadgen.Publishing{Address: s.address, Path: func(int) string { return "/events/" + name }, Size: dataSize,
		Ledger: loadgen.NewLedger(1, fillWriters)}
}

// liveRound measures listeners of one topic: while clients catch up on the other, which may be the same, and in quiet
// once these are live as well.
func (t *trial) liveRound(ctx context.Context, s *server, name string, heard, missed *loadgen.Publishing) error {
	pool, err := s.pool(listeners, heard.Path(0))
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Connect(ctx, pool.Clients(), nil); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	since, err := s.mark(missed.Path(0))
	if err != nil {
		return err
	}
	before := missed.Ledger.Published()
	const atOnce = 1e6 // a second: each as soon as the one before is answered
	if err := missed.Paced(ctx, fillWriters, atOnce, missedEvents*time.Second/atOnce); err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	t.heard(ctx, pool, heard) // what was published to them meanwhile does not count
	publishing, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- heard.Paced(publishing, liveWriters, liveRate, stormTimeout) }()
	back, err := t.comeBack(ctx, s, name, since, missed)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	defer back.Close()
	t.set(name+" while", t.heard(ctx, pool, heard))
	if err := t.complete(ctx, back, name, missed, missed.Ledger.Published()-before); err != nil {
		return err
	}
	const quiet = 8 * time.Second
	if err := heard.Paced(ctx, liveWriters, liveRate, quiet); err != nil {
		return err
	}
	t.set(name+" quiet", t.heard(ctx, pool, heard))
	t.set(name+" ratio", t.values[name+" while"]/t.values[name+" quiet"])
	return nil
}

// pool is clients of a path that join while others publish.
func (s *server) pool(n int, path string) (*loadgen.Pool, error) {
	pool, err := loadgen.NewPool(s.address, n)
	if err != nil {
		return nil, err
	}
	pool.Rising = true
	for range n {
		pool.Add(path, 0).AnyStart = true
	}
	return pool, nil
}

// heard returns the p99 delay in ms of what the pool's clients have received, once they have all of it.
func (t *trial) heard(ctx context.Context, pool *loadgen.Pool, p *loadgen.Publishing) float64 {
	missing, err := pool.CatchUp(ctx, p.Ledger, pool.Clients(), true, 3*time.Second)
	got := pool.Take()
	if missing > 0 || err != nil || got.Doubled+got.Reordered+got.Fallen+got.Ended > 0 {
		t.note("listeners: %d missing, %d doubled, %d out of order, %d ids not above the one before, %d ended, %v",
			missing, got.Doubled, got.Reordered, got.Fallen, got.Ended, err)
	}
	return float64(got.Delay.ValueAtQuantile(99)) / float64(time.Millisecond)
}

// returnTime is how long clients that were cut off together take to come back: the server's retry is from 1 to 3 s.
const returnTime = 2 * time.Second

// comeBack connects the clients that missed what was published since, and waits until the last has caught up.
func (t *trial) comeBack(ctx context.Context, s *server, name, since string, missed *loadgen.Publishing) (
	*loadgen.Pool, error) {
	pool, err := s.pool(returning, missed.Path(0)+"?since="+since)
	if err != nil {
		return nil, err
	}
	began, cpu, own := time.Now(), procfs.CPU([]int{s.pid}), procfs.CPU([]int{os.Getpid()})
	for some := range slices.Chunk(pool.Clients(), returning/40) {
		if err = errors.Join(err, pool.Connect(ctx, some, nil), pause(ctx, returnTime/40)); err != nil {
			break
		}
	}
	if err == nil {
		_, err = pool.CatchUp(ctx, missed.Ledger, pool.Clients(), true, stormTimeout)
	}
	took := time.Since(began).Seconds()
	t.set(name+" seconds", took)
	t.set(name+" cpu", 100*(procfs.CPU([]int{s.pid})-cpu).Seconds()/took)
	t.set(name+" load", 100*(procfs.CPU([]int{os.Getpid()})-own).Seconds()/took)
	if err != nil {
		pool.Close()
	}
	return pool, err
}

// complete notes it if not each client of the pool has got so many events, each once and in order.
func (t *trial) complete(ctx context.Context, pool *loadgen.Pool, name string, p *loadgen.Publishing,
	events uint64) error {
	missing, err := pool.CatchUp(ctx, p.Ledger, pool.Clients(), true, 3*time.Second)
	got := pool.Take()
	if got.Stamped != returning*events || missing+got.Doubled+got.Reordered+got.Fallen > 0 {
		t.note("%s: %d of %d events, %d missing, %d doubled, %d out of order, %d ids not above the one before",
			name, got.Stamped, returning*events, missing, got.Doubled, got.Reordered, got.Fallen)
	}
	return err
}
