package stream

import (
	"context"
	"runtime"
	"time"
)

// turnTime bounds a turn: whoever still has it then waits for something else than a CPU.
const turnTime = 5 * time.Millisecond

// turns holds a token for each turn that is taken. There is one CPU more: while all are busy, Go looks for what the
// network has brought only every 10 ms (sysmon, in runtime/proc.go), and every publisher waits for that.
var turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// Turn is the right to use a CPU for one reader alone: to read a page of the log, encode it and write it. Readers take
// turns, so that a crowd of them leaves a CPU to publishers and live streams. The zero Turn has not begun.
type Turn struct{ timer *time.Timer }

// Next ends the turn, if it has begun, and waits for another until ctx ends; it returns that error. A turn lasts until
// End, for 5 ms at most.
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

// Page reads a page in a turn of its own, which has begun when it returns.
func (t *Turn) Page(ctx context.Context, log Log, q Query) (Page, error) {
	if err := t.Next(ctx); err != nil {
		return Page{}, err
	}
	return log.Page(ctx, q)
}

// End ends the turn. It is safe twice.
func (t *Turn) End() {
	if t.timer != nil && t.timer.Stop() {
		<-turns
	}
}
