package bolt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
)

// roomy removes nothing in a benchmark.
var roomy = stream.Retention{Events: 1 << 30, Age: 1 << 62, Bytes: 1 << 60, Topics: 1 << 30}

// BenchmarkAppend measures events of 100 bytes, one an Append, beside bare bbolt with a commit an event.
func BenchmarkAppend(b *testing.B) {
	b.Run("bare bbolt, a commit an event", func(b *testing.B) {
		db, err := bbolt.Open(newPath(b), 0o600, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		value := []byte(strings.Repeat("x", 100))
		var last stream.ID
		for b.Loop() {
			last = last.After(time.Now())
			if err := db.Update(func(tx *bbolt.Tx) error {
				bucket, err := tx.CreateBucketIfNotExists([]byte("topic"))
				if err != nil {
					return err
				}
				return bucket.Put(idKey(last), value)
			}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	for _, topics := range []int{1, 64} {
		for _, publishers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%d publishers, %d topics", publishers, topics), func(b *testing.B) {
				benchmarkAppend(b, publishers, topics)
			})
		}
	}
}

func benchmarkAppend(b *testing.B, publishers, topics int) {
	s := openStore(b, newPath(b), roomy)
	data := strings.Repeat("x", 100)
	var left atomic.Int64
	left.Store(int64(b.N))
	var publishing sync.WaitGroup
	b.ResetTimer()
	for p := range publishers {
		topic := stream.MustTopic(fmt.Sprint("topic", p%topics))
		publishing.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := s.Append(b.Context(), stream.Event{Topic: topic, Data: data}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	publishing.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkResume measures how a reader of one topic comes back for its newest 100 events, out of a thousand stored events
// and out of a million, and how long it takes to open such a store.
func BenchmarkResume(b *testing.B) {
	for _, each := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d events in 1000 topics", 1000*each), func(b *testing.B) { benchmarkResume(b, each) })
	}
}

func benchmarkResume(b *testing.B, each int) {
	const topics, wanted = 1000, 100
	path := filepath.Join(b.TempDir(), "broadcast.db")
	s, err := Open(path, roomy)
	if err != nil {
		b.Fatal(err)
	}
	read := stream.MustTopic("topic0")
	fill(b, s, topics, each)
	for range max(wanted-each, 0) { // so that there are as many to come back for
		appendAll(b, s, stream.Event{Topic: read, Data: strings.Repeat("x", 100)})
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	s = openStore(b, path, roomy)
	opened := time.Since(began)
	newest, err := s.Page(b.Context(), stream.Query{Topics: stream.Select(read), Limit: wanted, Newest: true})
	if err != nil {
		b.Fatal(err)
	}
	q := stream.Query{Topics: stream.Select(read), After: newest.Begin(), Limit: wanted}
	for b.Loop() {
		if page, err := s.Page(b.Context(), q); err != nil || len(page.Events) != wanted || page.Gap != nil {
			b.Fatal(page, err)
		}
	}
	b.ReportMetric(float64(opened.Microseconds())/1000, "ms-to-open")
	if info, err := os.Stat(path); err == nil {
		b.ReportMetric(float64(info.Size())/float64(topics*each), "file-bytes/event")
	}
}

// fill appends each events to each of the topics, in large batches.
func fill(b *testing.B, s *Store, topics, each int) {
	data := strings.Repeat("x", 100)
	for topic := 0; topic < topics; topic++ {
		for done := 0; done < each; {
			var batch []stream.Event
			for range min(each-done, 10_000) {
				batch = append(batch, stream.Event{Topic: stream.MustTopic(fmt.Sprint("topic", topic)), Data: data})
			}
			appendAll(b, s, batch...)
			done += len(batch)
		}
	}
}

func appendAll(t testing.TB, s *Store, events ...stream.Event) []stream.ID {
	t.Helper()
	ids, err := s.Append(t.Context(), events...)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
