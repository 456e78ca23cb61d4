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
	memtables    = 3 // at most, including those waiting to be flushed; then writes wait
	cacheSize    = 32 << 20
)

// events are the callbacks for what Pebble reports outside any call of ours. Pebble holds its locks meanwhile: anything
// slow belongs in another goroutine.
type events struct {
	log     func(format string, args ...any)
	damaged func(keySpan) // something in this span cannot be read back; see salvage
	fatal   func(error)   // Pebble cannot continue; nothing more may be written
}

// MaxFiles is how many files a store needs open at most to be as fast as it can be.
const MaxFiles = 500

// options are Pebble's, tuned for small values that are written once, mostly at the end of their key range, and removed
// in order.
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
		MaxOpenFiles:                MaxFiles,
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
	ours := *o.Comparer // its name keeps us from opening another program's database
	ours.Name = "iris-broadcast"
	o.Comparer = &ours
	return o
}

func (on events) background(err error) {
	if lsm.ExtractDataCorruptionInfo(err) != nil {
		return // DataCorruption has reported it
	}
	on.log("the store's background work: %v", err)
}

// damage is called for every read that hits corruption.
func (on events) damage(info lsm.DataCorruptionInfo) {
	on.damaged(keySpan{
		slices.Clone(info.Bounds.Start),
		append(slices.Clone(info.Bounds.End.Key), 0), // one key too many, if the end is exclusive, is harmless
	})
}

// logger is Pebble's log. It drops Pebble's remarks about each file, and its Fatalf does not exit: the cause is
// returned to publishers.
type logger struct{ events }

func (logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) { l.log(format, args...) }

func (l logger) Fatalf(format string, args ...any) { l.fatal(fmt.Errorf(format, args...)) }
