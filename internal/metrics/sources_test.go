package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
)

// fixed is a Store whose figures stand still.
type fixed struct {
	stats stream.Stats
	ready error
}

func (f fixed) Stats() stream.Stats         { return f.stats }
func (f fixed) Ready(context.Context) error { return f.ready }
func (f fixed) Size() float64               { return 2048 }
func (f fixed) Damage() []string            { return []string{"a part"} }

// scraped is what a scrape of the sources answers.
func scraped(s Sources) string {
	m := New()
	m.Scrape(s)
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}

func TestAScrapeAsksTheSources(t *testing.T) {
	store := fixed{stats: stream.Stats{
		Topics: 2, Events: 3, Bytes: 400, Oldest: stream.IDAt(time.Now().Add(-time.Hour)),
		Compactions: 5, Compacting: 1500 * time.Millisecond,
		Syncs: stream.Durations{Count: 7, Sum: 70 * time.Millisecond,
			Within: map[time.Duration]uint64{5 * time.Millisecond: 6, 20 * time.Millisecond: 7}}}}
	sources := Sources{Version: "v1.2.3 and more", Store: store, MaxStreams: 100,
		Connections: func() int { return 12 }, MaxConnections: 200,
		Streams: func() int { return 10 }, Live: func() int { return 8 },
		Expiry: func() time.Time { return time.Unix(2_000_000_000, 0) }}
	text := scraped(sources)
	for _, want := range []string{
		`broadcast_build_info{goversion="go1.`, `version="v1.2.3 and more"} 1`,
		"broadcast_streams 10", "broadcast_streams_limit 100", "broadcast_catch_ups 2", "broadcast_lists 0",
		"broadcast_store_topics 2", "broadcast_store_events 3", "broadcast_store_event_bytes 400",
		"broadcast_store_oldest_event_age_seconds 3600.", "broadcast_store_bytes 2048", "broadcast_store_damage 1",
		"broadcast_store_writable 1", "broadcast_store_compactions_total 5",
		"broadcast_store_compaction_seconds_total 1.5", "broadcast_store_sync_seconds_count 7",
		"broadcast_store_sync_seconds_sum 0.07", `broadcast_store_sync_seconds_bucket{le="0.005"} 6`,
		"broadcast_connections 12", "broadcast_connections_limit 200",
		"broadcast_tls_certificate_expiry_timestamp_seconds 2e+09",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	sources.Store = fixed{ready: errors.New("the disk is full")}
	sources.Live = func() int { return 11 } // read a moment later, when one more had joined
	sources.Expiry = func() time.Time { return time.Time{} }
	text = scraped(sources)
	for _, want := range []string{"broadcast_store_writable 0", "broadcast_store_oldest_event_age_seconds 0\n",
		"broadcast_catch_ups 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("of an empty store that cannot write there is no %s", want)
		}
	}
	if strings.Contains(text, "certificate") {
		t.Error("without TLS a certificate expires")
	}
}
