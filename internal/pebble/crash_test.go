package pebble

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestAcknowledgedWritesSurviveACrashAtAnyMoment examines the disk as a crash would leave it, again and again while
// many publish, with none, some or all of the unsynced data.
func TestAcknowledgedWritesSurviveACrashAtAnyMoment(t *testing.T) {
	disk := vfs.NewCrashableMem()
	o := options(disk, quietly)
	o.MemTableSize = 64 << 10
	db, err := lsm.Open("store", o)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{t: t, db: db, acked: map[uint64]bool{}}
	permits := make(chan struct{}) // so that the store does not outgrow the time to read it
	var publishers sync.WaitGroup
	for range 8 {
		publishers.Go(func() {
			for range permits {
				c.publish()
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
		before := c.acknowledged()
		crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[crashes%3], RNG: rng})
		afterCrash(t, crashed, before)
	}
	close(permits)
	publishers.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%d crashes, %d acknowledged", crashes, len(c.acked))
}

// afterCrash opens a store, and reads everything that had been acknowledged.
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

// counter publishes numbers, each acknowledged when it is synced.
type counter struct {
	t  *testing.T
	db *lsm.DB

	mu    sync.Mutex
	next  uint64
	acked map[uint64]bool
}

func (c *counter) publish() {
	batch := c.db.NewBatch()
	c.mu.Lock()
	n := c.next
	c.next++
	_ = batch.Set(key(n), worded(n), nil)
	err := c.db.ApplyNoSyncWait(batch, lsm.Sync)
	c.mu.Unlock()
	if err := errors.Join(err, batch.SyncWait(), batch.Close()); err != nil {
		c.t.Error(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked[n] = true
}

func (c *counter) acknowledged() []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.acked))
}
