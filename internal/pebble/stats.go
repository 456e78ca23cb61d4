package pebble

import (
	"context"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	dto "github.com/prometheus/client_model/go"

	"iris-broadcast/internal/stream"
)

// Stats counts what is stored, and the work of the disk for it. It reads one event's key.
func (s *Store) Stats() stream.Stats {
	s.mu.RLock()
	stats, shut := s.ledger.Stats(), s.shut
	s.mu.RUnlock()
	if shut {
		return stream.Stats{}
	}
	if work := s.work(); work != nil {
		stats.Compactions, stats.Compacting = work.Compact.Count, work.Compact.Duration
		var syncs dto.Metric
		if err := work.LogWriter.FsyncLatency.Write(&syncs); err == nil {
			stats.Syncs = durations(syncs.GetHistogram())
		}
	}
	stats.Oldest = s.oldestEvent()
	return stats
}

// workWait is how long work waits for new figures.
const workWait = time.Second

// work returns Pebble's own figures; nil if there are none yet. Pebble computes them between two writes of its
// MANIFEST, and so may wait for the disk, forever if that fails. Nobody waits with it: mu is not held, and figures that
// take too long, or that the disk is in no state for, are the latest known.
func (s *Store) work() *lsm.Metrics {
	if s.disk.writable() != nil || !s.enter() {
		return s.worked.Load()
	}
	computed := make(chan struct{})
	go func() {
		defer s.reading.Done()
		s.worked.Store(s.db.Metrics())
		close(computed)
	}()
	select {
	case <-computed:
	case <-s.disk.failed:
	case <-time.After(workWait):
	}
	return s.worked.Load()
}

// enter keeps the database open until s.reading.Done, or returns false: it is shut.
func (s *Store) enter() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.shut {
		s.reading.Add(1)
	}
	return !s.shut
}

// oldestEvent returns the ID of the oldest event. It searches from the one found before, since Pebble keeps the
// tombstones of removed events for a while.
func (s *Store) oldestEvent() (id stream.ID) {
	span := spanOf(eventKey)
	if before := s.eldest.Load(); before != nil {
		span.from = keyOfEvent(nil, *before)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	v := &view{}
	if s.look(ctx, v, func() {}) != nil {
		return id
	}
	if it, err := v.over(span); err == nil {
		if it.First() {
			id = parseID(it.Key())
			s.eldest.Store(&id)
		}
		_ = it.Close() // whoever reads the events finds the damage
	}
	_ = v.close()
	return id
}

// coarser is how much higher each bound of durations is than the one below, at least: Pebble has a hundred bounds.
const coarser = 1.5

// durations converts Pebble's histogram of nanoseconds.
func durations(h *dto.Histogram) stream.Durations {
	d := stream.Durations{
		Count: h.GetSampleCount(), Sum: time.Duration(h.GetSampleSum()), Within: map[time.Duration]uint64{}}
	last := 0.0
	for _, bucket := range h.GetBucket() {
		if bound := bucket.GetUpperBound(); bound > coarser*last {
			last = bound
			d.Within[time.Duration(bound)] = bucket.GetCumulativeCount()
		}
	}
	return d
}
