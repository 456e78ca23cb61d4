package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// takeAll takes every turn there is.
func takeAll(t *testing.T) []Turn {
	t.Helper()
	all := make([]Turn, cap(turns))
	for i := range all {
		if err := all[i].Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// none reports whether no turn is free.
func none() bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var turn Turn
	defer turn.End()
	return len(turns) == cap(turns) && errors.Is(turn.Next(ctx), context.Canceled)
}

func TestATurnIsForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := takeAll(t)
		if !none() {
			t.Fatal("there is one turn too many")
		}
		all[0].End()
		all[0].End()
		if len(turns) != cap(turns)-1 {
			t.Errorf("%d of %d are taken, after one has ended", len(turns), cap(turns))
		}
		if err := all[0].Next(t.Context()); err != nil || !none() {
			t.Errorf("a turn that has ended is not available: %v", err)
		}
		for i := range all {
			all[i].End()
		}
	})
}

func TestATurnEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := takeAll(t)
		time.Sleep(turnTime)
		synctest.Wait()
		if len(turns) != 0 {
			t.Fatalf("%d turns have not ended", len(turns))
		}
		all := takeAll(t)
		old[0].End() // has ended already
		if !none() {
			t.Error("a turn was given back twice")
		}
		for i := range all {
			all[i].End()
		}
	})
}

func TestTheCPURestsAfterTheTurnOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := Turn{rests: true}
		if err := turn.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(turnTime / 2)
		turn.End()
		for _, step := range []struct {
			sleep time.Duration
			taken int
		}{{restTimes*turnTime/2 - 1, 1}, {1, 0}} {
			time.Sleep(step.sleep)
			synctest.Wait()
			if len(turns) != step.taken {
				t.Errorf("%d turns are taken, want %d", len(turns), step.taken)
			}
		}
	})
}
