package bolt

import (
	"path/filepath"
	"testing"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/board/boardtest"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func TestTheFileKeepsThePromisesOfABoard(t *testing.T) {
	boardtest.Run(t, func(t *testing.T) (board.Store, stream.Log) {
		s, err := Open(filepath.Join(t.TempDir(), "board.db"), logtest.Generous)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s, s
	})
}
