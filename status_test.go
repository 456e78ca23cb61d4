package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/stream"
)

func TestTheServersOwnTopicsAreALogOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := serve(t)
	all := s.listen("/events?topic=*", "")
	own := s.listen("/events?topic=$server&topic=$server/*&envelope=1", "")
	if ready := own.next(); ready.Type != "ready" {
		t.Fatalf("got %+v", ready)
	}
	first := own.next()
	var e struct{ ID, Topic, Data string }
	if err := json.Unmarshal([]byte(first.Data), &e); err != nil || e.ID != first.ID || e.ID == "" || e.Topic != "$server" {
		t.Fatalf("got %+v, %v", first, err)
	}
	var status struct{ Streams int }
	if err := json.Unmarshal([]byte(e.Data), &status); err != nil || status.Streams != 2 {
		t.Errorf("got %s, %v", e.Data, err)
	}
	second := own.next()
	own.leave()
	back := s.listen("/events/$server", first.ID)
	if m := back.next(); m.ID != second.ID || m.Type != "" {
		t.Errorf("came back and got %+v, want the event %s", m, second.ID)
	}
	if m := s.listen("/events/$server?last=1", "").next(); m.Type != "" || m.ID < second.ID {
		t.Errorf("the newest is %+v", m)
	}
	if m := s.listen("/events/$server", "1-1").next(); m.Type != "gap" {
		t.Errorf("for a position before the server's start came %+v", m)
	}
	id := s.publish("news", "x") // "*" takes this and nothing of the server's own
	if m := all.next(); m.Data != "x" || m.ID != id.String() {
		t.Errorf("got %+v", m)
	}
}

func TestTheStatusPageIsSmallHoweverLongTheServerHasRun(t *testing.T) {
	s := serve(t)
	for i := range statusKept + 5 { // as on a busy server
		busy := 3 + 2*math.Sin(float64(i)/40)
		some := func(most float64) float64 { return metrics.Round(most * busy * (1 + math.Sin(float64(i*i))/9)) }
		p50, p90, p99 := some(0.3), some(0.9), some(2.7)
		s.ownLog.Append(t.Context(), stream.Event{Topic: stream.MustTopic("$server"), Data: stream.MustJSON(metrics.Status{
			Streams: int(some(900)), Events: some(30), Deliveries: some(20_000), Bytes: some(3_000_000), DelayP50: &p50, DelayP90: &p90, DelayP99: &p99,
			Left: 1000 + 7*i, Stalled: i / 60, TurnedAway: i / 50, Gaps: i / 20, Memory: some(30), Store: 120 + some(0.4)})})
	}
	_, page := s.get("GET", "/status")
	if rows := strings.Count(page, `data-topic="$server"`); rows != statusKept {
		t.Errorf("it has %d rows, want %d", rows, statusKept)
	}
	var sent bytes.Buffer
	compressor := gzip.NewWriter(&sent)
	io.WriteString(compressor, page)
	compressor.Close()
	t.Logf("%d bytes", sent.Len())
	if n := sent.Len(); n > 18<<10 { // what it loads beside is under 82 KiB, and a page is to take 100
		t.Errorf("it takes %d bytes", n)
	}
}
