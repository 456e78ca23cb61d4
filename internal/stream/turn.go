package stream

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// turnTime limits a turn: whoever still has it then is waiting for something other than a CPU.
	turnTime = 5 * time.Millisecond

	restTimes = 3                // how many times as long as a stream's turn the CPU rests afterwards
	minRest   = time.Millisecond // shorter rests add up
)

// turns is a semaphore. One CPU stays free: while all are busy, Go polls the network only every 10 ms (sysmon, in
// runtime/proc.go), and every publisher would wait for that.
var turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// owed is the rest not taken yet, in nanoseconds.
var owed atomic.Int64

// Turn is one reader's right to use a CPU: to read a page of the log, encode it and write it. Readers take turns, so
// that a crowd of them leaves a CPU to publishers and live streams. The zero Turn has not begun.
type Turn struct {
	timer *time.Timer
	began time.Time
	rests bool // the CPU rests afterwards: a crowd that is far behind may take longer, live streams may not
}

// Next ends the current turn, if any, and waits for another until ctx ends; it returns that error. A turn lasts until
// End, at most 5 ms.
func (t *Turn) Next(ctx context.Context) error {
	t.End()
	select {
	case turns <- struct{}{}:
		t.began = time.Now()
		rests := t.rests
		t.timer = time.AfterFunc(turnTime, func() { giveBack(turnTime, rests) })
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Page waits for a new turn and reads a page in it.
func (t *Turn) Page(ctx context.Context, log Log, q Query) (Page, error) {
	if err := t.Next(ctx); err != nil {
		return Page{}, err
	}
	return log.Page(ctx, q)
}

// End ends the turn. It may be called twice.
func (t *Turn) End() {
	if t.timer != nil && t.timer.Stop() {
		giveBack(time.Since(t.began), t.rests)
	}
}

// giveBack makes a turn of that length available to the next reader, after the rest that is owed.
func giveBack(length time.Duration, rests bool) {
	if rests {
		rest := owed.Add(int64(restTimes * length))
		if rest >= int64(minRest) && owed.CompareAndSwap(rest, 0) {
			time.AfterFunc(time.Duration(rest), func() { <-turns })
			return
		}
	}
	<-turns
}
