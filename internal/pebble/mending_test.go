package pebble

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// mendingFS calls excised when the damage is out of the tables but still in the ledger.
type mendingFS struct {
	*vfs.MemFS
	asides  int
	excised func()
}

func (f *mendingFS) RemoveAll(name string) error {
	if strings.HasSuffix(name, "salvage") {
		if f.asides++; f.asides == 2 {
			f.excised()
		}
	}
	return f.MemFS.RemoveAll(name)
}

// damaged is the sample, compacted, with damage in a table among events that are still kept.
func (f *sample) damaged(t *testing.T) *mendingFS {
	t.Helper()
	fs := &mendingFS{MemFS: copyStore(t, f.fs)}
	s := openOn(t, fs.MemFS, "store", f.keep, f.h)
	if err := s.db.Compact(t.Context(), allKeys.from, allKeys.to, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, _ := storeFiles(t, fs.MemFS)
	largest := ""
	var size int64
	for _, name := range names {
		if info, err := fs.Stat("store/" + name); err == nil && strings.HasSuffix(name, ".sst") && info.Size() > size {
			largest, size = name, info.Size()
		}
	}
	rewrite(t, fs, largest, func(data []byte) []byte {
		data[len(data)/4] ^= 1
		return data
	})
	return fs
}

func TestReadersGetAGapAsSoonAsDamageIsSetAside(t *testing.T) {
	f := makeSample(t)
	all := slices.DeleteFunc(slices.Clone(f.events), func(e stream.Event) bool { return e.Topic != rare })
	q := stream.Query{Topics: stream.Select(rare), After: all[60].ID} // of which nothing has been removed
	fs := f.damaged(t)
	paged, opened := make(chan stream.Page, 1), make(chan struct{})
	var s *Store
	fs.excised = func() {
		<-opened // since a compaction may meet the damage at once
		go func() {
			page, err := s.Page(t.Context(), q)
			if err != nil {
				t.Error(err)
			}
			paged <- page
		}()
		eventually(t, "the reader waits, or has read", func() bool {
			return len(paged) > 0 || waiting("pebble.(*Store).look", "[select]") > 0
		})
	}
	s = openOn(t, fs, "store", f.keep, f.h)
	close(opened)
	readAll(t, s, stream.Query{After: f.start})
	if got := readAll(t, s, q); len(got) == len(all)-61 {
		t.Fatal("nothing that is read here was damaged")
	}
	select {
	case page := <-paged:
		if page.Gap == nil {
			t.Error("a reader gets no gap meanwhile")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a reader waits forever meanwhile")
	}
	verify(t, s)
}

func TestACrashWhileDamageIsSetAsideLeavesAGap(t *testing.T) {
	f := makeSample(t)
	fs := f.damaged(t)
	var crashed *vfs.MemFS
	fs.excised = func() { crashed = copyStore(t, fs.MemFS) }
	s := openOn(t, fs, "store", f.keep, f.h)
	readAll(t, s, stream.Query{After: f.start})
	if crashed == nil {
		t.Fatal("nothing was damaged")
	}
	for range 2 { // and what was made good stays so
		after := openOn(t, crashed, "store", f.keep, f.h)
		if missing := f.missing(t, after); missing == 0 {
			t.Error("nothing is missing")
		}
		verify(t, after)
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorsThatMayComeWithEveryReadDoNotFloodTheLog(t *testing.T) {
	said := &logged{}
	golog.SetOutput(said)
	t.Cleanup(func() { golog.SetOutput(os.Stderr) })
	s := openOn(t, vfs.NewMem(), "store", logtest.Generous, newHands())
	for range 100 {
		if err := s.mend(t.Context(), errors.New("an odd read")); err != errUnreadable {
			t.Fatal(err)
		}
	}
	s.Close()
	if lines := said.count("The store store: an odd read"); lines != 5 || said.count("95 more errors") != 1 {
		t.Errorf("%d lines:\n%s", lines, said.text.String())
	}
}
