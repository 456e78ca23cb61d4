package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"iris-broadcast/bench/internal/procfs"
)

// publish is the case of n publishers.
func publish(n, topics int, seconds time.Duration, settings ...string) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		s, err := t.fresh(ctx, settings...)
		if err != nil {
			return err
		}
		return t.publish(ctx, s, n, topics, seconds)
	}
}

// publishFull is a case in which each event displaces an older one.
func publishFull(ctx context.Context, t *trial) error {
	kept := t.lab.options.kept
	s, err := t.fresh(ctx, "-keep-events", strconv.Itoa(kept))
	if err != nil {
		return err
	}
	if err := spread(ctx, s.address, int64(kept)*manyTopics, nil); err != nil {
		return err
	}
	if s.written, err = procfs.Written(s.pid); err != nil {
		return err
	}
	return t.publish(ctx, s, 64, manyTopics, 8)
}

// publish measures n publishers, stops the server, and compares the bytes written with bare Pebble's.
func (t *trial) publish(ctx context.Context, s *server, n, topics int, seconds time.Duration) error {
	cpu := procfs.CPU([]int{s.pid})
	o, err := publishing(s.address, n, topics).during(ctx, seconds*time.Second)
	if err != nil {
		return err
	}
	cpu = procfs.CPU([]int{s.pid}) - cpu
	written, err := s.stop()
	if err != nil {
		return err
	}
	t.set("rate", o.rate())
	t.set("p50", o.millis(50))
	t.set("p99", o.millis(99))
	t.set("cpu", cpu.Seconds()*1e6/float64(o.count))
	t.set("written", float64(written)/float64(o.count))
	return t.compareBare(ctx, n, o.count, float64(written)/float64(o.count))
}

// compareBare lets Pebble alone write as many events, from as many writers.
func (t *trial) compareBare(ctx context.Context, writers int, events int64, written float64) error {
	if !strings.HasPrefix(t.build.store, "pebble:") {
		return nil
	}
	bare, err := t.runBare(ctx, writers, events)
	if err != nil {
		return fmt.Errorf("bare Pebble: %w", err)
	}
	t.set("bare", bare)
	t.set("overhead", written/bare)
	return nil
}

// keptFor is how long events live in the case expired; the measurements are shorter.
const (
	keptFor       = 10 * time.Second
	expiredEvents = 400_000
)

// expired compares an empty store with one whose events have all expired, on servers with the same settings.
func expired(ctx context.Context, t *trial) error {
	for _, state := range []string{"fresh", "expired"} {
		s, err := t.fresh(ctx, append(roomy[:len(roomy):len(roomy)], "-keep-age", keptFor.String())...)
		if err != nil {
			return err
		}
		if state == "expired" {
			if err := t.expire(ctx, s); err != nil {
				return err
			}
		}
		if err := t.publishFor(ctx, s, state); err != nil {
			return err
		}
	}
	t.set("p50 ratio", t.values["p50 expired"]/t.values["p50 fresh"])
	t.set("rate ratio", t.values["rate expired"]/t.values["rate fresh"])
	return nil
}

// expire fills the store and waits until it is empty again.
func (t *trial) expire(ctx context.Context, s *server) error {
	fill := publishing(s.address, 64, 1)
	fill.most = expiredEvents
	if _, err := fill.run(ctx); err != nil {
		return err
	}
	began := time.Now()
	c, err := dial(s.address)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		body, err := c.get(topicPath(0)+"?limit=1", "application/json")
		if err != nil {
			return err
		}
		if strings.Contains(string(body), `"events":[]`) {
			break
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	t.set("gone", time.Since(began).Seconds())
	s.written, err = procfs.Written(s.pid)
	return err
}

// publishFor measures one publisher, then 64, each on a topic of their own, and stops the server.
func (t *trial) publishFor(ctx context.Context, s *server, state string) error {
	one, err := publishing(s.address, 1, 1).during(ctx, 2*time.Second)
	if err != nil {
		return err
	}
	many, err := publishing(s.address, 64, 1).during(ctx, 4*time.Second)
	if err != nil {
		return err
	}
	t.set("p50 "+state, one.millis(50))
	t.set("rate "+state, many.rate())
	written, err := s.stop()
	t.set("written "+state, float64(written)/float64(one.count+many.count))
	return err
}
