package logs

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// record is a log in memory.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) log(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// logged waits for what is being logged, and returns all lines.
func (r *record) logged() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// crowd logs n numbered lines at once.
func crowd(l *Lines[int], r *record, n int) {
	for i := range n {
		l.Log(func() { r.log(fmt.Sprint("line ", i)) }, func(more *int) { *more++ })
	}
}

func summing(r *record) *Lines[int] {
	return NewLines(func(more int) { r.log(fmt.Sprint(more, " more")) })
}

func TestAboveFiveASecondThereIsOneSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		l := summing(&r)
		crowd(l, &r, 3)
		time.Sleep(1100 * time.Millisecond)
		crowd(l, &r, 6)
		crowd(l, &r, 200)
		if got := r.logged(); len(got) != 3+5 {
			t.Errorf("before the second has ended there is %q", got)
		}
		time.Sleep(1100 * time.Millisecond)
		crowd(l, &r, 1)
		time.Sleep(time.Minute)
		want := []string{"line 0", "line 1", "line 2", // no summary
			"line 0", "line 1", "line 2", "line 3", "line 4", "201 more", "line 0"}
		if got := r.logged(); !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	})
}

func TestALineThatIsNilIsOnlySummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		l := summing(&r)
		l.Log(nil, func(more *int) { *more += 10 })
		crowd(l, &r, 1)
		time.Sleep(2 * time.Second)
		if got, want := r.logged(), []string{"line 0", "10 more"}; !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	})
}

func TestALogThatNobodyReadsHoldsNobodyUpAndLosesNoCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var total, lines, summaries int
		unread := make(chan struct{})
		l := NewLines(func(more int) { total, summaries = total+more, summaries+1 })
		const seconds, each = 60, 50
		for range seconds {
			for range each {
				l.Log(func() { <-unread; total, lines = total+1, lines+1 }, func(more *int) { *more++ })
			}
			time.Sleep(time.Second + time.Millisecond)
		}
		synctest.Wait()
		if held := len(l.queue); held != maxQueued {
			t.Errorf("%d lines are held, want %d", held, maxQueued)
		}
		close(unread)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if total != seconds*each {
			t.Errorf("%d lines and %d summaries add up to %d, want %d", lines, summaries, total, seconds*each)
		}
		if lines+summaries > maxQueued+2 { // one was being logged, one was put off
			t.Errorf("%d lines and %d summaries, more than were to be held", lines, summaries)
		}
		if l.writing || l.queue != nil {
			t.Error("with nothing to log a goroutine stays")
		}
	})
}
