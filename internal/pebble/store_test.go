package pebble

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/board/boardtest"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// openAt opens the store in a folder, which closes with the test.
func openAt(t testing.TB, dir string, keep stream.Retention) *Store {
	t.Helper()
	s, err := Open(dir, keep, MaxFiles)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAStoreKeepsThePromisesOfALog(t *testing.T) {
	logtest.Run(t, logtest.PerTopic, func(t *testing.T, keep stream.Retention) stream.Log {
		return openAt(t, t.TempDir(), keep)
	})
}

func TestAStoreKeepsThePromisesOfABoard(t *testing.T) {
	boardtest.Run(t, func(t *testing.T) (board.Store, stream.Log) {
		s := openAt(t, t.TempDir(), logtest.Generous)
		return s, s
	})
}

// randomText is text that compresses to three quarters at best.
func randomText(n int) string {
	raw := make([]byte, n*3/4)
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	return base64.StdEncoding.EncodeToString(raw)
}
