package demo

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func TestTickersSpeakAtWholePeriodsWhileSomebodyListens(t *testing.T) {
	want := map[string]func(at time.Time) string{
		"hello": func(at time.Time) string {
			return fmt.Sprintf(` {"timestamp":%d,"message":"Hello at %s"}`, at.Unix(), at.Format(time.RFC1123))
		},
		"time": func(at time.Time) string { return " The time is " + at.Format(time.UnixDate) },
		"ping": func(at time.Time) string { return fmt.Sprint("ping ", at.Unix()) },
	}
	periods := map[string]time.Duration{"hello": 2 * time.Second, "time": time.Second, "ping": time.Second / 2}
	for _, ticker := range Tickers {
		period := periods[ticker.Topic.String()]
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(300 * time.Millisecond) // into a period
			log := memory.New(logtest.Generous)
			var listens atomic.Bool
			ctx, cancel := context.WithCancel(t.Context())
			go ticker.Run(ctx, log, func(topic stream.Topic) bool { return listens.Load() && topic == ticker.Topic })
			time.Sleep(10 * time.Second)
			listens.Store(true)
			from := time.Now()
			time.Sleep(3*period + time.Millisecond)
			cancel()
			synctest.Wait()
			page, err := log.Page(t.Context(), stream.Query{Topics: stream.Select(ticker.Topic), Limit: 100})
			if err != nil || len(page.Events) != 3 {
				t.Fatalf("%v: %d events in three periods, and none before: %v", ticker.Topic, len(page.Events), err)
			}
			at := from.Truncate(period)
			for _, e := range page.Events {
				at = at.Add(period)
				got := e.Type.String() + " " + e.Data
				if got != want[ticker.Topic.String()](at) || !e.ID.Time().Equal(at) {
					t.Errorf("%v at %v: %q at %v", ticker.Topic, at, got, e.ID.Time())
				}
			}
		})
	}
}
