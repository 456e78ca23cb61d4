package pebble

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestWhatIsAcknowledgedSurvivesACrashAtAnyMoment takes a look at the disk as a crash would leave it, again and
// again, while many publish, with none, some or all of what was not synced.
func TestWhatIsAcknowledgedSurvivesACrashAtAnyMoment(t *testing.T) {
	disk := vfs.NewCrashableMem()
	o := options(disk, quiet)
	o.MemTableSize = 64 << 10
	db, err := lsm.Open("store", o)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var next uint64
	acked := map[uint64]bool{}
	permits := make(chan struct{}) // so that the store does not outgrow the time to read it
	var publishers sync.WaitGroup
	for range 8 {
		publishers.Go(func() {
			for range permits {
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
		for range rng.IntN(100) {
			permits <- struct{}{}
		}
		mu.Lock()
		var before []uint64
		for n := range acked {
			before = append(before, n)
		}
		mu.Unlock()
		crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[crashes%3], RNG: rng})
		afterCrash(t, crashed, before)
	}
	close(permits)
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
