// Package stores opens the store that the settings name.
package stores

import (
	"fmt"
	"math"
	"strings"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/config"
	"iris-broadcast/internal/demo"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/pebble"
	"iris-broadcast/internal/stream"
)

// Store is where a node keeps its events and its board.
type Store interface {
	stream.Log
	board.Store
	Size() float64    // on the disk, in bytes
	Damage() []string // what was damaged there and has been set aside, a sentence each
	Close() error
}

// MaxFiles is how many open files a store makes use of, at most.
const MaxFiles = pebble.MaxFiles

// Open opens the store that the settings name. About maxFiles files are open at a time.
func Open(s *config.Config, maxFiles int) (Store, error) {
	keep := stream.Retention{
		Events: s.KeepEvents, Age: s.KeepAge, Bytes: s.KeepBytes, Topics: s.MaxTopics, Always: demo.Keep()}
	if s.Store == "memory" {
		return memory.New(keep), nil
	}
	keep.Always[stream.Audits] = math.MaxInt // a disk keeps every record
	store, err := pebble.Open(strings.TrimPrefix(s.Store, "pebble:"), keep, maxFiles)
	if err != nil {
		return nil, fmt.Errorf("-store %s: %w", s.Store, err)
	}
	return store, nil
}
