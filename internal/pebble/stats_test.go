package pebble

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream/logtest"
)

func TestStatsAreOfWhatIsStored(t *testing.T) {
	t.Parallel()
	fs, h, keep := vfs.NewMem(), newHands(), logtest.Generous
	keep.Events = 2
	s := openOn(t, fs, "store", keep, h)
	if got := s.Stats(); got.Events != 0 || got.Topics != 0 || got.Bytes != 0 || got.Oldest.Ms != 0 {
		t.Errorf("of an empty store: %+v", got)
	}
	first := add(t, s, news, "one")
	if got := s.Stats().Oldest; got != first {
		t.Errorf("the oldest event is %v, want %v", got, first)
	}
	h.move(time.Second)
	second := add(t, s, news, "two")
	add(t, s, news, "three") // removes the first
	add(t, s, rare, "four")
	want := s.ledger.Account(news).Bytes + s.ledger.Account(rare).Bytes
	check := func(what string) {
		t.Helper()
		if got := s.Stats(); got.Events != 3 || got.Topics != 2 || got.Bytes != want || got.Oldest != second {
			t.Errorf("%s: %+v, want three events of two topics with %d bytes since %v", what, got, want, second)
		}
	}
	check("after four events")
	check("asked again")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Events != 0 {
		t.Errorf("once closed: %+v", got)
	}
	s = openOn(t, fs, "store", keep, h)
	check("reopened")
}

func TestStatsAreOfTheWorkOfTheDisk(t *testing.T) {
	t.Parallel()
	s := openAt(t, t.TempDir(), logtest.Generous)
	before := s.Stats()
	for range 3 {
		add(t, s, news, randomText(1000))
	}
	syncs := s.Stats().Syncs
	if syncs.Count < before.Syncs.Count+3 || syncs.Sum <= before.Syncs.Sum {
		t.Errorf("after three events there were %d syncs in %v", syncs.Count, syncs.Sum)
	}
	within := slices.Sorted(maps.Values(syncs.Within))
	if n := len(within); n < 10 || n > 40 || within[n-1] != syncs.Count {
		t.Errorf("the histogram is %v", syncs.Within)
	}
	if _, _, err := s.Compact(t.Context(), func(string, int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Compactions <= before.Compactions || got.Compacting <= before.Compacting {
		t.Errorf("after a compaction there were %d, in %v", got.Compactions, got.Compacting)
	}
}

// heldFS is a file system whose MANIFEST is not synced while held is locked.
type heldFS struct {
	vfs.FS
	held    sync.Mutex
	waiting atomic.Int32 // syncs that have begun
}

func (f *heldFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err == nil && strings.Contains(name, "MANIFEST") {
		file = &heldFile{file, f}
	}
	return file, err
}

type heldFile struct {
	vfs.File
	fs *heldFS
}

func (f *heldFile) Sync() error {
	f.fs.waiting.Add(1)
	f.fs.held.Lock()
	defer f.fs.held.Unlock()
	return f.File.Sync()
}

func TestStatsWaitForNoDisk(t *testing.T) {
	t.Parallel()
	fs := &heldFS{FS: vfs.NewMem()}
	s := openOn(t, fs, "store", logtest.Generous, newHands())
	add(t, s, news, "one")
	size := s.Size()
	fs.held.Lock()
	before := fs.waiting.Load()
	flushed := make(chan error, 1)
	go func() { flushed <- s.db.Flush() }()
	eventually(t, "the MANIFEST is being written", func() bool { return fs.waiting.Load() > before })
	ask := func(why string) {
		t.Helper()
		figures := make(chan [2]float64, 1)
		go func() { figures <- [2]float64{float64(s.Stats().Events), s.Size()} }()
		select {
		case got := <-figures:
			if got != [2]float64{1, size} {
				t.Errorf("%s: %v, want one event and %v bytes", why, got, size)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: no figures", why)
		}
	}
	ask("while the disk is slow")
	s.disk.condemn(syscall.EIO)
	ask("when it has failed")
	fs.held.Unlock()
	if err := <-flushed; err != nil {
		t.Error(err)
	}
}
