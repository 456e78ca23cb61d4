package delivery

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPublishersWaitWhileMostStreamsLagAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engine()
		const streams = 40
		e.load.streams.Store(streams)
		lag := func(n, before, now int) {
			for range n {
				e.load.changed(before, now)
			}
		}
		room := func() bool {
			synctest.Wait()
			select {
			case <-e.Room():
				return true
			default:
				return false
			}
		}
		lag(20, 0, fewBytes+1)
		if e.Behind() {
			t.Error("behind while half of the streams lag")
		}
		lag(1, 0, fewBytes+1)
		if !e.Behind() || room() {
			t.Error("not behind while more than half of the streams lag")
		}
		lag(1, fewBytes+1, fewBytes)
		if !room() || e.Behind() {
			t.Error("behind though half of the streams have caught up")
		}
		lag(streams-20, 0, fewBytes+1)
		began := time.Now()
		if !e.Behind() {
			t.Error("not behind while all streams lag")
		}
		<-e.Room()
		if took := time.Since(began); took != patience || e.Behind() {
			t.Errorf("slow clients hold publishers up for %v", took)
		}
		e.load.queued.Store(muchBytes + 1)
		if !e.Behind() {
			t.Error("not behind though the writers have much before them")
		}
	})
}

func TestAFewStreamsThatLagHoldNobodyUp(t *testing.T) {
	e := engine()
	e.load.streams.Store(crowd - 1)
	for range crowd - 1 {
		e.load.changed(0, fewBytes+1)
	}
	if e.Behind() {
		t.Error("behind")
	}
}
