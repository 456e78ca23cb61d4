package pebble

import (
	"context"
	"time"

	dto "github.com/prometheus/client_model/go"

	"iris-broadcast/internal/stream"
)

// Stats counts what is stored, and the work of the disk for it. It reads one event's key.
func (s *Store) Stats() stream.Stats {
	s.mu.RLock()
	if s.shut {
		s.mu.RUnlock()
		return stream.Stats{}
	}
	stats, work := s.ledger.Stats(), s.db.Metrics()
	s.mu.RUnlock()
	stats.Compactions, stats.Compacting = work.Compact.Count, work.Compact.Duration
	var syncs dto.Metric
	if err := work.LogWriter.FsyncLatency.Write(&syncs); err == nil {
		stats.Syncs = durations(syncs.GetHistogram())
	}
	stats.Oldest = s.oldestEvent()
	return stats
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
