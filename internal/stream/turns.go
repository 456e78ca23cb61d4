package stream

import (
	"context"
	"runtime"
)

// Turns lets as many read a log at once as there are CPUs. More would not get on any faster, but each publisher, who
// waits for a moment between two readers, would wait for all of them to have had a CPU.
type Turns chan struct{}

// NewTurns returns turns that are all free.
func NewTurns() Turns { return make(Turns, max(2, runtime.GOMAXPROCS(0))) }

// Take waits for a turn, which Leave ends, until ctx ends; it returns that error.
func (t Turns) Take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave ends a turn.
func (t Turns) Leave() { <-t }
