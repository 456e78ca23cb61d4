package pebble

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func noProgress(int64, int64) {}

func TestACopyHasWhatWasAcknowledgedAndPublishersGoOn(t *testing.T) {
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
	if err := checkpoint(s.db, vfs.Default, dir+"/copy", func(_, all int64) { total = all }); err != nil {
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

func TestAHalfCopyIsNeverTakenForAWholeOne(t *testing.T) {
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
				t.Errorf("%s: %s is there: %v", what, name, err)
			}
		}
	}
	left := mem.left
	mem.add(1<<20 - left)
	if err := checkpoint(s.db, mem, "copy", noProgress); err == nil {
		t.Error("a copy that does not fit succeeds")
	}
	gone("no room")
	mem.add(left)
	if err := s.disk.writable(); err != nil {
		t.Errorf("the store has no part in it: %v", err)
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
	if err := checkpoint(s.db, mem, "copy", noProgress); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged copy: %v", err)
	}
	gone("damaged")
	s.close()
}

// TestWhatIsAcknowledgedSurvivesACrashAtAnyMoment takes a look at the disk as a crash would leave it, again and
// again, while many publish, with none, some or all of what was not synced.
func TestWhatIsAcknowledgedSurvivesACrashAtAnyMoment(t *testing.T) {
	disk := vfs.NewCrashableMem()
	o := options(disk, quiet)
	o.MemTableSize = 128 << 10
	db, err := lsm.Open("store", o)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var next uint64
	acked := map[uint64]bool{}
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for range 8 {
		publishers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				batch := db.NewBatch()
				mu.Lock()
				n := next
				next++
				_ = batch.Set(key(n), worded(n), nil)
				err := db.ApplyNoSyncWait(batch, lsm.Sync)
				mu.Unlock()
				if err := errors.Join(err, batch.SyncWait(), batch.Close()); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[n] = true
				mu.Unlock()
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	deadline := time.Now().Add(5 * time.Second)
	crashes := 0
	for ; crashes < 100 && time.Now().Before(deadline); crashes++ {
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		mu.Lock()
		var before []uint64
		for n := range acked {
			before = append(before, n)
		}
		mu.Unlock()
		crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[crashes%3], RNG: rng})
		afterCrash(t, crashed, before)
	}
	close(stop)
	publishers.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%d crashes, %d acknowledged", crashes, len(acked))
}

// afterCrash opens a store, and reads what had been acknowledged.
func afterCrash(t *testing.T, fs vfs.FS, acked []uint64) {
	t.Helper()
	if found, err := checkRecords(fs, "store"); err != nil || len(found) > 0 {
		t.Fatalf("a crash is taken for damage: %v, %v", found, err)
	}
	got, err := scanDir(t, fs)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range acked {
		if !got[string(key(n))] {
			t.Fatalf("%d of %d is lost", n, len(acked))
		}
	}
}
