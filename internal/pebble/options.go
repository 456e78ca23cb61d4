package pebble

import (
	"fmt"
	"runtime"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	memtableSize = 16 << 20
	memtables    = 3 // at most, with those that wait for their flush; then writes wait
	cacheSize    = 32 << 20
)

// events is how Pebble tells of what no call of ours brings to light. It calls with its locks held: whatever takes
// time is for another goroutine.
type events struct {
	log     func(format string, args ...any)
	damaged func(keySpan) // somewhere among these keys is what cannot be read back; see salvage
	fatal   func(error)   // Pebble knows no way on; nothing may be written any more
}

// options are Pebble's for small values that are written once, mostly at the end of their range, and removed in
// order.
func options(fs vfs.FS, on events) *lsm.Options {
	o := &lsm.Options{
		FS:                          fs,
		FormatMajorVersion:          lsm.FormatNewest,
		Logger:                      logger{on},
		CacheSize:                   cacheSize,
		MemTableSize:                memtableSize,
		MemTableStopWritesThreshold: memtables,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                500,
		MaxManifestFileSize:         4 << 20,
		BytesPerSync:                512 << 10,
		CompactionConcurrencyRange:  func() (int, int) { return 1, max(1, runtime.NumCPU()/2) },
		EventListener: &lsm.EventListener{
			BackgroundError: func(err error) { on.background(err) },
			DataCorruption:  func(info lsm.DataCorruptionInfo) { on.damage(info) },
		},
	}
	o.ApplyCompressionSettings(func() lsm.DBCompressionSettings {
		return lsm.UniformDBCompressionSettings(block.FastestCompression)
	})
	o.EnsureDefaults()
	ours := *o.Comparer // by whose name no other program's folder is taken for a store
	ours.Name = "iris-broadcast"
	o.Comparer = &ours
	return o
}

func (on events) background(err error) {
	if lsm.ExtractDataCorruptionInfo(err) != nil {
		return // that was told where it was met
	}
	on.log("the store's background work: %v", err)
}

// damage is told of at each read that meets it.
func (on events) damage(info lsm.DataCorruptionInfo) {
	on.damaged(keySpan{
		slices.Clone(info.Bounds.Start),
		append(slices.Clone(info.Bounds.End.Key), 0), // one more key where the end is exclusive does no harm
	})
}

// logger takes what Pebble says of itself. Its word on each file is nobody's concern, and its Fatalf is not to end
// the process: what it was called for is told to whoever writes.
type logger struct{ events }

func (logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) { l.log(format, args...) }

func (l logger) Fatalf(format string, args ...any) { l.fatal(fmt.Errorf(format, args...)) }
