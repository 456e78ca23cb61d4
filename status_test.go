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

func TestTheStatusPageIsSmallHoweverLongTheServerHasRun(t *testing.T) {
	s := serve(t)
	for i := range statusKept + 5 { // as on a busy server
		busy := 3 + 2*math.Sin(float64(i)/40)
		some := func(most float64) float64 { return metrics.Round(most * busy * (1 + math.Sin(float64(i*i))/9)) }
		p50, p90, p99 := some(0.3), some(0.9), some(2.7)
		s.ownLog.Append(t.Context(), stream.Event{Topic: stream.Server, Data: stream.MustJSON(metrics.Status{
			Streams: int(some(900)), Events: some(30), Deliveries: some(20_000), Bytes: some(3_000_000),
			DelayP50: &p50, DelayP90: &p90, DelayP99: &p99,
			Left: 1000 + 7*i, Stalled: i / 60, TurnedAway: i / 50, Gaps: i / 20,
			Memory: some(30), Store: 120 + some(0.4)})})
	}
	response, err := client0.Get(s.url + "/status")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	page := string(body)
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

func TestTheServersOwnReportsCountNeitherAsEventsNorAsGaps(t *testing.T) {
	s := serve(t)
	r := s.listen("/events/$server", "1-1") // as a page that comes back after a restart
	if gap := r.next(); gap.Type != "gap" {
		t.Fatalf("got %+v, want a gap", gap)
	}
	var report metrics.Status
	for range 2 {
		if err := json.Unmarshal([]byte(r.next().Data), &report); err != nil {
			t.Fatal(err)
		}
		if report.Events != 0 {
			t.Errorf("%v events a second on a server without any", report.Events)
		}
		if report.Gaps != 0 {
			t.Errorf("%d gaps on a server without events", report.Gaps)
		}
	}
}
