package metrics

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/golog"
)

func TestAboveFiveASecondThereIsOneLine(t *testing.T) {
	var log bytes.Buffer
	golog.SetOutput(&log)
	defer golog.SetOutput(io.Discard)
	synctest.Test(t, func(t *testing.T) {
		m := New()
		for range 3 {
			m.Joined()
		}
		time.Sleep(2 * time.Second)
		for range 100 {
			m.Joined()
			m.TurnedAway(103)
		}
		for range 40 {
			m.Left(Left)
		}
		time.Sleep(2 * time.Second)
		m.Left(Stalled)
		time.Sleep(2 * time.Second)
	})
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := []string{"added. 1 ", "added. 2 ", "added. 3 ",
		"added. 4 ", "added. 5 ", "added. 6 ", "added. 7 ", "added. 8 ",
		"95 clients added, 40 removed. 63 registered clients", "100 clients turned away: all 103 streams",
		"Removed client (stalled). 62"}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), log.String())
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("line %d is %q, want … %q …", i, line, want[i])
		}
	}
}
