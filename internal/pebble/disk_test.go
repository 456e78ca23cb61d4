package pebble

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestAFullDiskLosesNothingAndRecoversByItself(t *testing.T) {
	fs := newTinyFS(vfs.NewMem(), 16<<20)
	fullDisk(t, fs, "store", func() { fs.add(16 << 20) })
}

// fullDisk fills a store's disk, reads all of it, frees space and writes again; a restart finds everything.
func fullDisk(t *testing.T, fs vfs.FS, dir string, makeRoom func()) {
	s := openTiny(t, fs, dir)
	s.fillUp()
	if err := s.disk.writable(); !errors.Is(err, errFull) {
		t.Fatalf("%v, want %v", err, errFull)
	}
	t.Logf("full after %d", len(s.acked))
	s.check()
	if err := s.db.Flush(); err != nil {
		t.Error("what is in memory does not fit into the reserve:", err)
	}
	s.check()
	makeRoom()
	eventually(t, "there is space again", func() bool { return s.disk.writable() == nil })
	if _, err := fs.Stat(fs.PathJoin(dir, reserveName)); err != nil {
		t.Error("the reserve:", err)
	}
	before := len(s.acked)
	for range 100 {
		n, done := s.append()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s.acked = append(s.acked, n)
	}
	s.check()
	s.close()
	again := openTiny(t, fs, dir)
	again.acked = s.acked
	again.check()
	again.close()
	t.Logf("%d when full, %d in the end", before, len(s.acked))
}

// filledTiny is a store with a hundred events, closed, and its disk.
func filledTiny(t *testing.T) (*tinyFS, *tinyStore) {
	t.Helper()
	fs := newTinyFS(vfs.NewMem(), 16<<20)
	s := openTiny(t, fs, "store")
	for range 100 {
		n, done := s.append()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s.acked = append(s.acked, n)
	}
	s.close()
	return fs, s
}

func TestAStoreOpensOnADiskThatIsFullByItsReserve(t *testing.T) {
	fs, s := filledTiny(t)
	fs.mu.Lock()
	fs.left = 0
	fs.mu.Unlock()
	again := openTiny(t, fs, "store")
	if err := again.disk.writable(); !errors.Is(err, errFull) {
		t.Errorf("%v, want %v", err, errFull)
	}
	again.acked = s.acked
	again.check()
	fs.add(16 << 20)
	eventually(t, "there is space again", func() bool { return again.disk.writable() == nil })
	again.close()
}

func TestAppendsBeyondTheReserveWaitForSpace(t *testing.T) {
	fs := newTinyFS(vfs.NewMem(), 16<<20)
	s := openTiny(t, fs, "store")
	s.fillUp()
	fs.add(-1 << 30) // somebody else takes the room that the reserve has given
	n, done := s.append()
	select {
	case err := <-done:
		t.Fatalf("answered without space: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.check()
	fs.add(1<<30 + 16<<20)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.acked = append(s.acked, n)
	eventually(t, "there is space again", func() bool { return s.disk.writable() == nil })
	s.check()
	s.close()
}

func TestAStoreClosesWhileAppendsWaitForSpace(t *testing.T) {
	fs := newTinyFS(vfs.NewMem(), 16<<20)
	s := openTiny(t, fs, "store")
	s.fillUp()
	fs.add(-1 << 30)
	_, done := s.append()
	if err := s.disk.close(s.db); !errors.Is(err, errFull) {
		t.Errorf("closed: %v, want %v", err, errFull)
	}
	select {
	case err := <-done:
		t.Errorf("answered: %v", err)
	default:
	}
	fs.add(1<<30 + 16<<20)
	again := openTiny(t, fs, "store")
	again.acked = s.acked
	again.check()
	again.close()
}

func TestAFailedSyncIsFinalAndStoredEventsStayReadable(t *testing.T) {
	for name, fail := range map[string]func(*tinyFS, error){
		"sync":  func(fs *tinyFS, err error) { fs.unsafe.Store(&err) },
		"write": func(fs *tinyFS, err error) { fs.broken.Store(&err) },
		"table": func(fs *tinyFS, err error) { fs.tables.Store(&err) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := newTinyFS(vfs.NewMem(), 64<<20)
			s := openTiny(t, fs, "store")
			for range 200 {
				n, done := s.append()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				s.acked = append(s.acked, n)
			}
			fail(fs, syscall.EIO)
			if name == "table" {
				go s.db.AsyncFlush() // which does not come back if it has to wait for another flush
				<-s.disk.failed
			}
			done := make(chan error, 1)
			go func() {
				_, answered := s.append()
				done <- <-answered
			}()
			<-s.disk.failed
			fs.tables.Store(nil)
			fs.unsafe.Store(nil)
			fs.broken.Store(nil)
			select {
			case err := <-done:
				t.Errorf("answered: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			if err := s.disk.writable(); !errors.Is(err, errBroken) || !errors.Is(err, syscall.EIO) {
				t.Errorf("writable: %v", err)
			}
			s.check()
			if err := s.disk.close(s.db); !errors.Is(err, syscall.EIO) {
				t.Errorf("closed: %v", err)
			}
			again := openTiny(t, fs, "store")
			again.acked = s.acked
			again.check()
			again.close()
		})
	}
}

func TestAStoreThatCannotOpenOnAFullDiskIsNotLost(t *testing.T) {
	fs, s := filledTiny(t)
	if err := fs.Remove("store/" + reserveName); err != nil {
		t.Fatal(err)
	}
	was := fs.left
	fs.add(-was + 4096) // some, so that it is a table that does not fit
	d := newDisk(fs, "store")
	o := options(d, quietly)
	if _, err := d.open(o); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("opened: %v", err)
	}
	fs.add(was)
	again := openTiny(t, fs, "store")
	again.acked = s.acked
	again.check()
	again.close()
}

func TestAFolderThatIsRemovedMovedReplacedOrEmptiedIsNoticed(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+".old") },
		"replaced": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o700),
				os.WriteFile(filepath.Join(dir, "LOCK"), nil, 0o600))
		},
		"emptied": func(dir string) error { return os.Remove(filepath.Join(dir, "LOCK")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			s := openTiny(t, vfs.Default, dir)
			if err := s.disk.gone(); err != nil {
				t.Fatal(err)
			}
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			if err := s.disk.gone(); !errors.Is(err, errGone) {
				t.Errorf("%v, want %v", err, errGone)
			}
			s.disk.abandon()
		})
	}
}
