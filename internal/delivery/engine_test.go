package delivery

import (
	"testing"
	"testing/synctest"
	"time"
)

// lag has n more streams lag, or n fewer.
func (l *load) lag(n int) {
	for range max(n, -n) {
		if n > 0 {
			l.changed(0, fewBytes+1)
		} else {
			l.changed(fewBytes+1, fewBytes)
		}
	}
}

func hasRoom(room <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-room:
		return true
	default:
		return false
	}
}

func TestPublishersWaitWhileMoreThanHalfOfTheStreamsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engine()
		e.load.streams.Store(40)
		if e.load.lag(20); e.Behind() != nil {
			t.Error("behind while half of the streams lag")
		}
		e.load.lag(1)
		room, other := e.Behind(), e.Behind()
		if room == nil || other == nil || hasRoom(room) {
			t.Fatal("not behind while more than half of the streams lag")
		}
		e.load.lag(-1)
		if !hasRoom(room) || !hasRoom(other) || e.Behind() != nil {
			t.Error("behind though half of the streams have caught up")
		}
		e.load.queued.Store(muchBytes + 1)
		if e.Behind() == nil {
			t.Error("not behind though the writers have much queued")
		}
	})
}

func TestACrowdOfSlowClientsHoldsPublishersUpForASecondAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engine()
		e.load.streams.Store(40)
		wait := func() time.Duration { // one round of a crowd that stops reading for 2.5 s
			began := time.Now()
			e.load.lag(30)
			for room := e.Behind(); room != nil; room = e.Behind() {
				<-room
			}
			waited := time.Since(began)
			time.Sleep(2500*time.Millisecond - waited)
			e.load.lag(-30)
			e.Behind()
			return waited
		}
		if waited := wait(); waited != patience {
			t.Errorf("the first time publishers wait for %v, want %v", waited, patience)
		}
		for range 20 {
			time.Sleep(2500 * time.Millisecond)
			if waited := wait(); waited != 0 {
				t.Fatalf("publishers wait for another %v", waited)
			}
		}
		time.Sleep(calm + time.Second)
		if waited := wait(); waited != patience {
			t.Errorf("after a calm minute publishers wait for %v, want %v", waited, patience)
		}
	})
}

func TestAFewStreamsThatLagHoldNobodyUp(t *testing.T) {
	e := engine()
	e.load.streams.Store(crowd - 1)
	e.load.lag(crowd - 1)
	if e.Behind() != nil {
		t.Error("behind for fewer streams than a crowd")
	}
}
