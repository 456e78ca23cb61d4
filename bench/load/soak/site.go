package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// site is a server, and all that is done to it.
type site struct {
	server *server
	cycle  time.Duration
	faults faults
	web    *http.Client // over HTTP/2, with TLS

	steady *group // many small events on a few topics
	bulk   *group // large events in phases, so that each of the limits of what is kept has its turn
	all    *group // every topic: ids must rise
	traffic
	sampling
}

// faults counts what went wrong, by its text. It is safe for concurrent use.
type faults struct {
	mu    sync.Mutex
	times map[string]int
}

// maxFaults bounds the distinct texts.
const maxFaults = 20

func (f *faults) note(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	text := fmt.Sprintf("%.400s", err)
	if f.times == nil {
		f.times = map[string]int{}
	}
	if f.times[text] == 0 && len(f.times) >= maxFaults {
		text = "others"
	}
	f.times[text]++
}

func (f *faults) all() (texts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(f.times)) {
		texts = append(texts, fmt.Sprintf("%d × %s", f.times[text], text))
	}
	return texts
}

func newSite(s *server, cycle time.Duration) (*site, error) {
	one := &site{server: s, cycle: cycle, web: s.client(true)}
	one.sampling.web = s.client(false)
	var err, bulk, all error
	one.steady, err = newGroup(s, steadyTopics, steadySize, steadyClients, func(i, topic int) string {
		path := fmt.Sprintf("/events/steady/%d", topic)
		if i/steadyTopics%2 == 1 {
			path += "?envelope=1"
		}
		return path
	})
	one.bulk, bulk = newGroup(s, 1, bulkSize, bulkClients, func(int, int) string { return "/events/bulk" })
	one.all, all = newGroup(s, 1, 0, allClients, func(int, int) string { return "/events?topic=*" })
	if err = errors.Join(err, bulk, all); err != nil {
		one.close()
		return nil, err
	}
	one.all.pool.Since = 1<<63 - 1 // many topics on a stream: the numbers in their events are not one sequence
	one.all.pool.Rising = true
	return one, nil
}

func (s *site) groups() []*group { return []*group{s.steady, s.bulk, s.all} }

// connect opens the streams that are checked, before anything is published.
func (s *site) connect(ctx context.Context) error {
	for _, g := range s.groups() {
		if err := g.pool.Connect(ctx, g.pool.Clients(), nil); err != nil {
			return err
		}
		g.pool.Reconnect.Store(true)
	}
	return nil
}

// run does everything at once until ctx ends.
func (s *site) run(ctx context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	busy.Go(func() { s.note(ctx, s.steady.publish(ctx, publishers, steadyRate, time.Hour*24)) })
	busy.Go(func() { s.publishBulk(ctx) })
	busy.Go(func() { s.churn(ctx) })
	busy.Go(func() { s.fresh(ctx) })
	busy.Go(func() { s.read(ctx) })
	busy.Go(func() { s.write(ctx) })
	busy.Go(func() { s.misbehave(ctx) })
	if s.server.kind.disk {
		busy.Go(func() { s.backUp(ctx) })
	}
}

// note notes an error, unless the run is over.
func (s *site) note(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.faults.note(err)
	}
}

// every calls do each period until ctx ends.
func every(ctx context.Context, period time.Duration, do func(n int)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do(n)
		}
	}
}

// pause waits; it reports whether ctx still runs.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// backUp backs the store up while it is in use, twice a cycle.
func (s *site) backUp(ctx context.Context) {
	every(ctx, s.cycle/2, func(n int) {
		copied := filepath.Join(s.server.dir, "backup")
		s.note(ctx, s.server.run(ctx, "backup", copied))
		s.backups.Add(1)
		s.note(ctx, os.RemoveAll(copied))
	})
}

// finish waits until the clients have everything, ends the server, and reports.
func (s *site) finish(ctx context.Context, r *Report) error {
	result := Result{Server: s.server.kind.name, Samples: s.samples}
	for _, g := range s.groups() {
		if err := g.settle(ctx, &result, &s.faults); err != nil {
			return err
		}
	}
	last, err := s.scrape(ctx)
	s.faults.note(err)
	result.happened(s, last)
	for _, g := range s.groups() {
		g.pool.Close()
	}
	s.web.CloseIdleConnections()
	s.faults.note(s.server.stop(ctx))
	result.LogLines, result.Log = s.server.output.lines, s.server.output.String()
	result.Faults = s.faults.all()
	result.judge(r.Seconds)
	r.Results = append(r.Results, result)
	return nil
}

// close ends everything at once.
func (s *site) close() {
	for _, g := range s.groups() {
		if g != nil {
			g.pool.Close()
		}
	}
	s.server.kill()
}
