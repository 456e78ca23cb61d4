//go:build unix

package pebble

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// fillDisk appends until the disk is full, and returns what was acknowledged.
func fillDisk(t *testing.T, s *Store) (ids []stream.ID) {
	t.Helper()
	big := stream.Event{Topic: news, Data: randomText(8 << 10)}
	for {
		got, err := s.Append(t.Context(), big)
		if err == nil {
			ids = append(ids, got...)
			continue
		}
		if stream.AsError(err).Code != stream.Unavailable || !strings.Contains(err.Error(), "full") {
			t.Fatalf("on a full disk: %v", err)
		}
		return ids
	}
}

func TestALowerKeepEventsFreesAFullDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(smallFileSystem(t, 160), "store")
	s, err := Open(dir, logtest.Generous, MaxFiles)
	if err != nil {
		t.Skipf("a store does not fit on so small a disk: %v", err)
	}
	ids := fillDisk(t, s)
	page := read(t, s, stream.Query{Topics: stream.Select(news), Newest: 10})
	if len(page.Events) != 10 || page.Head != ids[len(ids)-1] {
		t.Errorf("readers of a full disk get %d events up to %v", len(page.Events), page.Head)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	keep := logtest.Generous
	keep.Events = 5
	began := time.Now()
	s = openAt(t, dir, keep)
	eventually(t, "it can write again", func() bool { return s.Ready(t.Context()) == nil })
	if id := add(t, s, news, "again"); !ids[len(ids)-1].Less(id) {
		t.Errorf("after %v came %v", ids[len(ids)-1], id)
	}
	t.Logf("%d events, room after %v", len(ids), time.Since(began))
}
