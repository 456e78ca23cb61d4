// Package demo is what speaks without being asked, so that a page has something to show.
package demo

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

// newest is how many events of a demo's topic are worth keeping.
const newest = 100

// Ticker speaks on a topic at each whole period of the clock, while somebody listens.
type Ticker struct {
	Topic  stream.Topic
	Period time.Duration
	Say    func(now time.Time) string // the data, never empty
}

// Tickers are all that speak.
var Tickers = []Ticker{hello}

// Keep is how many events of each demo's topic are kept.
func Keep() map[stream.Topic]int {
	keep := map[stream.Topic]int{}
	for _, ticker := range Tickers {
		keep[ticker.Topic] = newest
	}
	return keep
}

// hello greets every two seconds, with the time as a number and as a sentence.
var hello = Ticker{stream.MustTopic("hello"), 2 * time.Second, func(now time.Time) string {
	data, err := json.Marshal(struct {
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}{now.Unix(), "Hello at " + now.Format(time.RFC1123)})
	if err != nil {
		panic(err) // a number and a string always can be JSON
	}
	return string(data)
}}

// Run ticks until ctx ends. listening says whether somebody would hear it.
func (t Ticker) Run(ctx context.Context, log stream.Log, listening func(stream.Topic) bool) {
	failing := false
	for {
		now := time.Now()
		next := now.Truncate(t.Period).Add(t.Period)
		select {
		case <-time.After(next.Sub(now)):
		case <-ctx.Done():
			return
		}
		if !listening(t.Topic) {
			continue
		}
		_, err := log.Append(ctx, stream.Event{Topic: t.Topic, Data: t.Say(next)})
		if err != nil && !failing && ctx.Err() == nil {
			golog.Errorf("The demo on %s: %v. It goes on trying", t.Topic, err)
		}
		failing = err != nil
	}
}
