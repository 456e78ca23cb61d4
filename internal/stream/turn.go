package stream

import (
	"context"
	"runtime"
	"time"
)

// turnTime limits a turn: whoever still has it then is waiting for something other than a CPU.
const turnTime = 5 * time.Millisecond

// turns is a semaphore. One CPU stays free: while all are busy, Go polls the network only every 10 ms (sysmon, in
// runtime/proc.go), and every publisher would wait for that.
var turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// Turn is one reader's right to use a CPU: to read a page of the log, encode it and write it. Readers take turns, so
// that a crowd of them leaves a CPU to publishers and live streams. The zero Turn has not begun.
type Turn struct{ timer *time.Timer }

// Next ends the current turn, if any, and waits for another until ctx ends; it returns that error. A turn lasts until
// End, at most 5 ms.
func (t *Turn) Next(ctx context.Context) error {
	t.End()
	select {
	case turns <- struct{}{}:
		t.timer = time.AfterFunc(turnTime, func() { <-turns })
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
		<-turns
	}
}
