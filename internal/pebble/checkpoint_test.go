package pebble

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func noProgress(string, int64, int64) {}

// checkpoint copies a store that stays in use.
func checkpoint(db *lsm.DB, files vfs.FS, store, dir string, progress Progress) error {
	moment, err := freeze(db, files, store)
	if err != nil {
		return err
	}
	defer forget(files, store, moment)
	tables := func(_ context.Context, files vfs.FS, dir string, progress Progress) (Summary, []finding, error) {
		found, err := checkDir(files, dir, func(done, total int64) { progress("", done, total) })
		return Summary{}, found, err
	}
	_, err = backup(context.Background(), files, files.PathJoin(store, moment), dir, tables, progress)
	return err
}

func TestABackupHasEverythingAcknowledgedAndPublishersKeepPublishing(t *testing.T) {
	dir := t.TempDir()
	s := openTiny(t, vfs.Default, dir+"/store")
	var acked atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n, done := s.append()
			if err := <-done; err != nil {
				t.Error(err)
				return
			}
			acked.Store(n + 1)
		}
	}()
	eventually(t, "there is something", func() bool { return acked.Load() > 300 })
	before := acked.Load()
	var total int64
	if err := checkpoint(s.db, vfs.Default, dir+"/store", dir+"/copy",
		func(_ string, _, all int64) { total = all }); err != nil {
		t.Fatal(err)
	}
	if total == 0 {
		t.Error("no table was checked")
	}
	during := acked.Load()
	eventually(t, "more is published", func() bool { return acked.Load() > during })
	close(stop)
	<-stopped
	s.close()
	c := openTiny(t, vfs.Default, dir+"/copy")
	for n := range before {
		c.acked = append(c.acked, n)
	}
	c.check()
	c.close()
	t.Logf("%d before, %d published meanwhile", before, during-before)
}

func TestAnUnfinishedBackupIsNeverTakenForAFinishedOne(t *testing.T) {
	mem := newTinyFS(vfs.NewMem(), 1<<30)
	s := openTiny(t, mem, "store")
	for range 300 {
		_, done := s.append()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	gone := func(what string) {
		t.Helper()
		for _, name := range []string{"copy", "copy.partial"} {
			if _, err := mem.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s exists: %v", what, name, err)
			}
		}
	}
	left := mem.left
	mem.add(1<<20 - left)
	if err := checkpoint(s.db, mem, "store", "copy", noProgress); err == nil {
		t.Error("a copy that does not fit succeeds")
	}
	gone("no room")
	mem.add(left)
	if err := s.disk.writable(); err != nil {
		t.Errorf("the store is affected: %v", err)
	}
	names, _ := mem.List("store")
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			rewrite(t, mem.FS, name, func(data []byte) []byte {
				data[len(data)/2] ^= 1
				return data
			})
		}
	}
	if err := checkpoint(s.db, mem, "store", "copy", noProgress); err == nil ||
		!strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged copy: %v", err)
	}
	gone("damaged")
	s.close()
}
