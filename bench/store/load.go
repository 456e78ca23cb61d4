package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"iris-broadcast/bench/internal/loadgen"
)

// load is requests on several connections, until ctx ends or most have been made.
type load struct {
	address string
	workers int
	most    int64                                    // requests in all, 0 for no limit
	rate    float64                                  // per second; 0 is as soon as the last one is answered
	do      func(c *conn, worker int, k int64) error // the k-th request in all
}

// outcome is how long requests took; with a rate, from when they were due.
type outcome struct {
	took   *hdrhistogram.Histogram
	count  int64
	length time.Duration
}

func (o outcome) millis(quantile float64) float64 {
	return float64(o.took.ValueAtQuantile(quantile)) / float64(time.Millisecond)
}

func (o outcome) rate() float64 { return float64(o.count) / o.length.Seconds() }

// run returns when the last request has been answered.
func (l load) run(ctx context.Context) (outcome, error) {
	conns := make([]*conn, l.workers)
	for i := range conns {
		c, err := dial(l.address)
		if err != nil {
			return outcome{}, err
		}
		defer c.Close()
		conns[i] = c
	}
	began := time.Now()
	all := outcome{took: loadgen.NewHistogram()}
	var next atomic.Int64
	var mu sync.Mutex
	var errs error
	var workers sync.WaitGroup
	for worker, c := range conns {
		workers.Go(func() {
			took, err := l.work(ctx, c, worker, began, &next)
			mu.Lock()
			defer mu.Unlock()
			all.took.Merge(took)
			all.count += took.TotalCount()
			errs = cmp.Or(errs, err) // one is enough
		})
	}
	workers.Wait()
	all.length = time.Since(began)
	if errs == nil && all.count == 0 {
		errs = errors.New("no request was answered in time")
	}
	return all, errs
}

// work is the requests of one connection.
func (l load) work(ctx context.Context, c *conn, worker int, began time.Time, next *atomic.Int64) (
	*hdrhistogram.Histogram, error) {
	took := loadgen.NewHistogram()
	for ctx.Err() == nil {
		k := next.Add(1) - 1
		if l.most > 0 && k >= l.most {
			break
		}
		due := time.Now()
		if l.rate > 0 {
			due = began.Add(time.Duration(float64(k) / l.rate * float64(time.Second)))
			if pause(ctx, time.Until(due)) != nil {
				break
			}
		}
		if err := l.do(c, worker, k); err != nil {
			return took, err
		}
		took.RecordValue(max(int64(time.Since(due)), 1))
	}
	return took, nil
}

// during runs the load for a while.
func (l load) during(ctx context.Context, d time.Duration) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return l.run(ctx)
}

// beside runs the load while what runs, and returns the load's outcome.
func (l load) beside(ctx context.Context, what func(context.Context) error) (outcome, error) {
	ending, end := context.WithCancel(ctx)
	defer end()
	type result struct {
		outcome
		error
	}
	ended := make(chan result, 1)
	go func() {
		o, err := l.run(ending)
		ended <- result{o, err}
	}()
	err := what(ctx)
	end()
	r := <-ended
	return r.outcome, errors.Join(err, r.error)
}

// dataSize is the data of an event, in bytes.
const dataSize = 100

// noise is text that compresses badly.
var noise = func() []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 64<<10)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return b
}()

// publisher stamps what it publishes, so that receivers notice what is missing.
type publisher struct {
	number   uint16
	sequence uint32
	data     []byte
}

// next returns the data of the next event, valid until the call after it.
func (p *publisher) next() []byte {
	p.sequence++
	stamp := loadgen.Stamp{Publisher: p.number, Sequence: p.sequence, Planned: loadgen.Now()}
	p.data = loadgen.AppendStamp(p.data[:0], stamp, 0)
	from := int(p.sequence) * 61 % (len(noise) - dataSize)
	p.data = append(p.data, noise[from:from+dataSize-len(p.data)]...)
	return p.data
}

// newPublishers are numbered from first on.
func newPublishers(n, first int) []publisher {
	all := make([]publisher, n)
	for i := range all {
		all[i].number = uint16(first + i)
	}
	return all
}

// publishing is a load of n publishers that publish to the topics round robin.
func publishing(address string, n, topics int) load {
	publishers := newPublishers(n, 0)
	return load{address: address, workers: n, do: func(c *conn, worker int, k int64) error {
		_, err := c.post(topicPath(int(k%int64(topics))), publishers[worker].next())
		return err
	}}
}

func topicPath(topic int) string { return fmt.Sprintf("/events/t%d", topic) }
