package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/bench/internal/procfs"
)

const (
	storedEvents = 1_000_000
	longTopics   = 100 // which have storedEvents/longTopics/longShare events each
	longShare    = 10
)

// storedPath is the topic of the k-th event: every tenth goes to one of a few topics, the others are spread over the
// rest.
func storedPath(k int64) string {
	if k%longShare == 0 {
		return fmt.Sprintf("/events/long%d", k/longShare%longTopics)
	}
	return topicPath(int((k - k/longShare) % (manyTopics - longTopics)))
}

// start opens a store that an earlier round has filled.
func start(ctx context.Context, t *trial) error {
	if t.build.store == "memory" {
		t.note("memory begins empty")
		return nil
	}
	dir := filepath.Join(t.lab.dir, "stored-"+t.build.name)
	if t.lab.filled[t.build.name] == 0 {
		if err := t.fill(ctx, dir); err != nil {
			return err
		}
	}
	how, err := cool(dir)
	if err != nil {
		return err
	}
	t.note("cold: %s", how)
	for _, state := range []string{"cold", "warm"} {
		s, err := t.start(ctx, dir, roomy...)
		if err != nil {
			return err
		}
		t.set(state, s.ready.Seconds())
		if state == "warm" {
			t.set("resident", float64(procfs.Memory([]int{s.pid}))/(1<<20))
			if err := t.newest(ctx, s); err != nil {
				return err
			}
		}
		if _, err := s.stop(); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) fill(ctx context.Context, dir string) error {
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return err
	}
	s, err := t.start(ctx, dir, roomy...)
	if err != nil {
		return err
	}
	publishers := newPublishers(64, 0)
	fill := load{address: s.address, workers: 64, most: storedEvents, do: func(c *conn, worker int, k int64) error {
		_, err := c.post(storedPath(k), publishers[worker].next())
		return err
	}}
	o, err := fill.run(ctx)
	if err != nil {
		return err
	}
	t.set("fill", o.rate())
	t.lab.filled[t.build.name] = storedEvents
	_, err = s.stop()
	return err
}

// newest asks for the newest events of randomly chosen topics.
func (t *trial) newest(ctx context.Context, s *server) error {
	for _, kind := range []struct {
		name, path string
		topics     int
	}{{"few", "/events/t%d?limit=100", manyTopics - longTopics}, {"many", "/events/long%d?limit=100", longTopics}} {
		ask := load{address: s.address, workers: 1, do: func(c *conn, _ int, _ int64) error {
			body, err := c.get(fmt.Sprintf(kind.path, rand.IntN(kind.topics)), "application/json")
			if err == nil && !strings.Contains(string(body), `"data":"@`) {
				err = fmt.Errorf("no events in %.200q", body)
			}
			return err
		}}
		o, err := ask.during(ctx, 2*time.Second)
		if err != nil {
			return err
		}
		t.set(kind.name+" p50", o.millis(50))
		t.set(kind.name+" p99", o.millis(99))
	}
	return nil
}

// cool drops the system's file caches, and returns how.
func cool(dir string) (how string, err error) {
	unix.Sync()
	if os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0) == nil {
		return "after writing 3 to drop_caches, the program itself included", nil
	}
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	return "after posix_fadvise on the store's files", err
}
