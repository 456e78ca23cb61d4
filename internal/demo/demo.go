// Package demo publishes to the demo topics, so that a new page has something to show.
package demo

import (
	"context"
	"strconv"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

// newest is how many events of each demo topic are kept.
const newest = 100

// Ticker publishes to a topic at each whole period of the clock while anyone is subscribed.
type Ticker struct {
	Topic  stream.Topic
	Period time.Duration
	Say    func(now time.Time) stream.Event // the event, without its topic
}

// Tickers are all demos.
var Tickers = []Ticker{
	{stream.Hello, 2 * time.Second, hello},
	{stream.Time, time.Second, clock},
	{stream.Ping, 500 * time.Millisecond, ping},
}

// Keep says how many events of each demo topic are kept.
func Keep() map[stream.Topic]int {
	keep := map[stream.Topic]int{}
	for _, ticker := range Tickers {
		keep[ticker.Topic] = newest
	}
	return keep
}

// hello greets with the time as a number and as a sentence.
func hello(now time.Time) stream.Event {
	return stream.Event{Data: stream.MustJSON(struct {
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}{now.Unix(), "Hello at " + now.Format(time.RFC1123)})}
}

// clock gives the time as a sentence.
func clock(now time.Time) stream.Event {
	return stream.Event{Data: "The time is " + now.Format(time.UnixDate)}
}

// ping is a typed event, for addEventListener("ping"); its data is unix seconds.
func ping(now time.Time) stream.Event {
	return stream.Event{Type: stream.MustType("ping"), Data: strconv.FormatInt(now.Unix(), 10)}
}

// Run ticks until ctx ends. subscribed reports whether a topic has a subscriber.
func (t Ticker) Run(ctx context.Context, log stream.Log, subscribed func(stream.Topic) bool) {
	failing := false
	for {
		now := time.Now()
		next := now.Truncate(t.Period).Add(t.Period)
		select {
		case <-time.After(next.Sub(now)):
		case <-ctx.Done():
			return
		}
		if !subscribed(t.Topic) {
			continue
		}
		event := t.Say(next)
		event.Topic = t.Topic
		_, err := log.Append(ctx, event)
		if err != nil && !failing && ctx.Err() == nil {
			golog.Errorf("Publishing to %s: %v; retrying", t.Topic, err)
		}
		failing = err != nil
	}
}
