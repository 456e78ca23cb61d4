package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"iris-broadcast/internal/stream"
)

// BenchmarkPublish measures one event of 4 KiB from POST until the last of a hundred clients has it, without and beside one
// that never reads.
func BenchmarkPublish(b *testing.B) {
	for _, stalled := range []int{0, 1} {
		b.Run(fmt.Sprintf("clients=100/stalled=%d", stalled), func(b *testing.B) {
			s := serve(b, "-max-pending", "1GiB", "-stall", "1h", "-drain", "100ms")
			for range stalled {
				s.raw("GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n")
			}
			var arrived sync.WaitGroup
			for range 100 {
				r := s.listen("/events/news", "")
				go func() {
					for _, err := r.messages.Next(); err == nil; _, err = r.messages.Next() {
						arrived.Done()
					}
				}()
			}
			s.waitFor(100 + stalled)
			payload := strings.Repeat("x", 4<<10)
			for range 2000 { // fills the sockets of the client that never reads
				arrived.Add(100)
				s.publish("news", payload)
				arrived.Wait()
			}
			for b.Loop() {
				arrived.Add(100)
				s.publish("news", payload)
				arrived.Wait()
			}
		})
	}
}

// BenchmarkAppend measures Log.Append in memory, without HTTP: 100 bytes, one follower that only counts.
func BenchmarkAppend(b *testing.B) {
	s := serve(b)
	event := stream.Event{Topic: stream.MustTopic("news"), Data: strings.Repeat("x", 100)}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.log.Append(b.Context(), event); err != nil {
				b.Error(err)
			}
		}
	})
}
