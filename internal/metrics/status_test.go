package metrics

import (
	"math"
	"testing"
	"time"
)

func TestAStatusCoversTheTimeSinceTheLastOne(t *testing.T) {
	m := New()
	m.Delay.Observe(0.3) // before, so that it does not count
	m.Events.Add(7)
	watch := NewWatch(m)
	for _, c := range []struct {
		delays   []float64 // in seconds
		p50, p99 float64   // in milliseconds; -1 is none
	}{
		{nil, -1, -1},
		{[]float64{0.0001, 0.0002, 0.0003, 0.0004}, 0.25, 0.5}, // all in the first bucket, so its middle is the median
		{[]float64{0.0001, 0.0007, 0.0007, 0.0007, 60}, 0.63, 28_405.43},
		{[]float64{60}, 28_405.43, 28_405.43}, // above the last bucket
		{nil, -1, -1},
	} {
		for _, delay := range c.delays {
			m.Delay.Observe(delay)
		}
		m.Events.Add(10)
		m.Gaps.Inc()
		status := watch.Status(watch.at.Add(2*time.Second), 3, 3, 1<<20)
		if status.Events != 5 || status.Streams != 3 || status.Store != 1 || status.Memory <= 0 {
			t.Errorf("%v: %+v", c.delays, status)
		}
		for _, p := range []struct {
			got  *float64
			want float64
		}{{status.DelayP50, c.p50}, {status.DelayP99, c.p99}} {
			got := -1.0
			if p.got != nil {
				got = *p.got
			}
			if math.Abs(got-p.want) > 0.02*math.Abs(p.want) {
				t.Errorf("%v: a percentile is %v, want %v", c.delays, got, p.want)
			}
		}
	}
	if gaps := watch.Status(time.Now(), 0, 0, 0).Gaps; gaps != 5 {
		t.Errorf("%d gaps since the start, want 5", gaps)
	}
}

func TestAStatusCountsWhyStreamsEnded(t *testing.T) {
	m := New()
	for reason, n := range map[Reason]int{Left: 1, Stalled: 2, Pending: 3} {
		m.ended[reason].Add(float64(n))
	}
	m.turnedAway.Add(4)
	s := NewWatch(m).Status(time.Now(), 0, 0, 0)
	if s.Left != 1 || s.Stalled != 2 || s.Pending != 3 || s.TurnedAway != 4 {
		t.Errorf("got %+v", s)
	}
}
