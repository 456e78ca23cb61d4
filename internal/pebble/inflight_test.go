package pebble

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// slowFS is a file system whose syncs wait while slow is locked.
type slowFS struct {
	vfs.FS
	slow sync.RWMutex
}

func (f *slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return &slowFile{file, f}, err
}

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (f *slowFile) Sync() error {
	f.fs.slow.RLock()
	defer f.fs.slow.RUnlock()
	return f.File.Sync()
}

func (f *slowFile) SyncData() error { return f.Sync() }

// TestEventsNotYetDurableAreNotAmongTheNewest reads the newest of a pattern's topics while most of them have an event
// on its way to the disk.
func TestEventsNotYetDurableAreNotAmongTheNewest(t *testing.T) {
	fs := &slowFS{FS: vfs.NewMem()}
	s := openOn(t, fs, "store", logtest.Generous, newHands())
	const topics, inFlight = 150, 120
	var want []string
	for i := range topics {
		add(t, s, stream.MustTopic(fmt.Sprint("x/", i)), fmt.Sprint(i))
		if i >= topics-5 {
			want = append(want, fmt.Sprint(i))
		}
	}
	head, _ := s.Head(t.Context())
	var publishing sync.WaitGroup
	fs.slow.Lock()
	for i := range inFlight {
		publishing.Go(func() { add(t, s, stream.MustTopic(fmt.Sprint("x/", i)), "on its way") })
	}
	eventually(t, "all are in flight", func() bool { return len(s.applied) >= inFlight-1 })
	q := stream.Query{Anywhere: true, Newest: 5}
	q.Topics, _ = stream.ParseSelection([]string{"x/*"})
	page := read(t, s, q)
	var got []string
	for _, e := range page.Events {
		got = append(got, e.Data)
	}
	if !slices.Equal(got, want) || page.Reached != head {
		t.Errorf("the newest are %q up to %v, want %q up to %v", got, page.Reached, want, head)
	}
	fs.slow.Unlock()
	publishing.Wait()
}
