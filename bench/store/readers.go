package main

import (
	"context"
	"fmt"
	"time"

	"iris-broadcast/bench/internal/loadgen"
)

// spread lets 64 publishers publish round robin over manyTopics; ledger, if not nil, counts that as one topic's.
func spread(ctx context.Context, address string, events int64, ledger *loadgen.Ledger) error {
	fill := publishing(address, 64, manyTopics)
	fill.most = events
	post := fill.do
	fill.do = func(c *conn, worker int, k int64) error {
		err := post(c, worker, k)
		if err == nil && ledger != nil {
			ledger.Note(0, worker)
		}
		return err
	}
	_, err := fill.run(ctx)
	return err
}

// readers measures one publisher alone, beside probes, and beside lists of all topics. Probes are the least that a
// reader can ask for: they show what 16 more concurrent requests cost by themselves.
func readers(ctx context.Context, t *trial) error {
	s, err := t.fresh(ctx, roomy...)
	if err != nil {
		return err
	}
	if err := spread(ctx, s.address, manyTopics*2, nil); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	publish := publishing(s.address, 1, manyTopics)
	measure := func(name string) error {
		o, err := publish.during(ctx, 5*time.Second)
		if err == nil {
			t.set(name+" p50", o.millis(50))
			t.set(name+" p99", o.millis(99))
		}
		return err
	}
	read := func(name, path, accept string) error {
		reading := load{address: s.address, workers: 16, do: func(c *conn, _ int, _ int64) error {
			_, err := c.get(path, accept)
			return err
		}}
		o, err := reading.beside(ctx, func(context.Context) error { return measure(name) })
		t.set(name, o.rate())
		return err
	}
	err = measure("quiet")
	if err == nil {
		err = read("probes", "/healthz", "")
	}
	if err == nil {
		err = read("lists", "/events?topic=*&limit=1", "application/json")
	}
	t.set("ratio", t.values["lists p50"]/t.values["quiet p50"])
	t.set("ratio probes", t.values["lists p50"]/t.values["probes p50"])
	return err
}

// catchUp connects clients that all have to get the same events.
func catchUp(ctx context.Context, t *trial) error {
	s, err := t.fresh(ctx, roomy...)
	if err != nil {
		return err
	}
	if err := spread(ctx, s.address, manyTopics, nil); err != nil {
		return err
	}
	since, err := s.mark(topicPath(0))
	if err != nil {
		return err
	}
	ledger := loadgen.NewLedger(1, 64)
	if err := spread(ctx, s.address, int64(t.lab.options.behind), ledger); err != nil {
		return err
	}
	o, err := s.paced().during(ctx, 4*time.Second)
	if err != nil {
		return err
	}
	t.set("quiet p50", o.millis(50))
	t.set("quiet p99", o.millis(99))
	for _, n := range []int{250, 500, 1000} {
		if err := t.storm(ctx, s, n, since, ledger); err != nil {
			return fmt.Errorf("%d clients: %w", n, err)
		}
	}
	t.set("growth", t.values["seconds 1000"]/t.values["seconds 250"])
	t.set("rate", 1000*float64(t.lab.options.behind)/t.values["seconds 1000"])
	return nil
}

// mark publishes an event to path, and returns its ID.
func (s *server) mark(path string) (string, error) {
	c, err := dial(s.address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	answer, err := c.post(path, []byte("from here on"))
	if err != nil {
		return "", err
	}
	return idOf(answer)
}

// paced is 50 events a second, continuing where the last one ended.
func (s *server) paced() load {
	if s.beside == nil {
		s.beside = newPublishers(8, 1000)
	}
	return load{address: s.address, workers: len(s.beside), rate: 50, do: func(c *conn, worker int, _ int64) error {
		_, err := c.post("/events/beside", s.beside[worker].next())
		return err
	}}
}

// stormTimeout limits how long clients may take to catch up.
const stormTimeout = 2 * time.Minute

// storm connects n clients at once, and waits until each has everything in the ledger.
func (t *trial) storm(ctx context.Context, s *server, n int, since string, ledger *loadgen.Ledger) error {
	pool, err := loadgen.NewPool(s.address, n)
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.Rising = true
	for range n {
		pool.Add("/events?topic=*&since="+since, 0)
	}
	tooLong := fmt.Errorf("they have not caught up after %v", stormTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, stormTimeout, tooLong)
	defer cancel()
	var took time.Duration
	o, err := s.paced().beside(ctx, func(ctx context.Context) error {
		began := time.Now()
		if err := pool.Connect(ctx, pool.Clients(), nil); err != nil {
			return err
		}
		missing, err := pool.CatchUp(ctx, ledger, pool.Clients(), true, stormTimeout)
		took = time.Since(began)
		if missing > 0 {
			t.note("%d clients: %d events are missing", n, missing)
		}
		return err
	})
	if o.count > 0 {
		t.set(fmt.Sprint("p50 ", n), o.millis(50))
		t.set(fmt.Sprint("p99 ", n), o.millis(99))
	}
	if got := pool.Take(); got.Doubled > 0 || got.Reordered > 0 || got.Fallen > 0 {
		t.note("%d clients: %d doubled, %d out of order, %d ids not above the one before",
			n, got.Doubled, got.Reordered, got.Fallen)
	}
	if ended := pool.EndedOf(pool.Clients()); ended > 0 {
		t.note("%d clients: %d were ended: %v", n, ended, pool.Ending())
	}
	if err == nil {
		t.set(fmt.Sprint("seconds ", n), took.Seconds())
	}
	return err
}
