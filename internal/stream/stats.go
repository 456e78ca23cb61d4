package stream

import "time"

// Stats is what a store holds, and how much work that has been since the store was opened.
type Stats struct {
	Topics int
	Events int
	Bytes  int64 // of the events, as Size counts
	Oldest ID    // of the events; zero if there are none or it cannot be read

	Compactions int64
	Compacting  time.Duration // all compactions together
	Syncs       Durations     // of the disk, for what was appended
}

// Durations is a histogram.
type Durations struct {
	Count  uint64
	Sum    time.Duration
	Within map[time.Duration]uint64 // how many lasted at most that long
}
