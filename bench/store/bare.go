package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"

	"iris-broadcast/bench/internal/procfs"
)

// bareArgument is the first argument of a process of this program that runs Pebble alone, so that /proc shows what it
// writes.
const bareArgument = "serve-bare"

// runBare returns how many bytes Pebble alone writes per event.
func (t *trial) runBare(ctx context.Context, writers int, events int64) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	dir, err := t.newDir()
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	command := exec.CommandContext(ctx, self, bareArgument, dir, strconv.Itoa(writers), strconv.FormatInt(events, 10))
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(answer)), 64)
}

// serveBare writes events into a folder and prints how many bytes each one took on disk.
func serveBare(_ context.Context, args []string, out io.Writer) error {
	writers, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	events, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	db, err := pebble.Open(args[0], bareOptions())
	if err != nil {
		return err
	}
	before, err := procfs.Written(os.Getpid())
	if err != nil {
		return err
	}
	if err := writeBare(db, writers, events); err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	after, err := procfs.Written(os.Getpid())
	fmt.Fprintln(out, float64(after-before)/float64(events))
	return err
}

// writeBare runs writers that each wait until their event is durable. Events are handed to Pebble one by one and synced
// together, as in the server.
func writeBare(db *pebble.DB, writers int, events int64) (err error) {
	var mu sync.Mutex
	var left atomic.Int64
	left.Store(events)
	var sequence uint64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for _, p := range newPublishers(writers, 0) {
		all.Go(func() {
			for left.Add(-1) >= 0 && failed.Load() == nil {
				batch := db.NewBatch()
				mu.Lock()
				sequence++
				key := binary.BigEndian.AppendUint64([]byte{'e'}, math.MaxUint32)
				key = binary.BigEndian.AppendUint64(key, sequence)
				_ = batch.Set(key, p.next(), nil)
				err := db.ApplyNoSyncWait(batch, pebble.Sync)
				mu.Unlock()
				if err == nil {
					err = batch.SyncWait()
				}
				if err != nil {
					failed.Store(&err)
				}
				batch.Close()
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// bareOptions are the options of the server's store.
func bareOptions() *pebble.Options {
	o := &pebble.Options{
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      silent{},
		CacheSize:                   32 << 20,
		MemTableSize:                8 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                500,
		MaxManifestFileSize:         4 << 20,
		BytesPerSync:                512 << 10,
		CompactionConcurrencyRange:  func() (int, int) { return 1, max(1, runtime.NumCPU()/2) },
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings {
		return pebble.UniformDBCompressionSettings(block.FastestCompression)
	})
	return o
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
