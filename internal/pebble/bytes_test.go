package pebble

import (
	"io/fs"
	"path/filepath"
	"testing"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// TestTheFolderIsBoundedByKeepBytes writes much more than may be kept. Besides twice that, the folder holds the
// reserve, logs, and tables too few to be worth a compaction: 256 MiB.
func TestTheFolderIsBoundedByKeepBytes(t *testing.T) {
	t.Parallel()
	keep := logtest.Generous
	keep.Bytes = 8 << 20
	dir := t.TempDir()
	s := openAt(t, dir, keep)
	s.disk.FS.Remove(filepath.Join(dir, reserveName))
	batch := make([]stream.Event, 64)
	for i := range batch {
		batch[i] = stream.Event{Topic: news, Data: randomText(4 << 10)}
	}
	for range 50 * keep.Bytes / (64 * 4 << 10) {
		if _, err := s.Append(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	size := func() (bytes int64) {
		filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			if err == nil {
				if info, err := entry.Info(); err == nil {
					bytes += info.Size()
				}
			}
			return nil
		})
		return bytes
	}
	if got, most := size(), 2*keep.Bytes+256<<20; got > most {
		t.Errorf("the folder has %d MiB, want at most %d", got>>20, most>>20)
	}
}
