package service

import (
	"runtime/debug"
	"testing"
)

func TestTheVersionIsTheTagOrTheCommit(t *testing.T) {
	for stamped, want := range map[string]string{
		"v1.4.0":                               "1.4.0",
		"v1.4.0+dirty":                         "1.4.0+dirty",
		"v1.4.1-0.20261122025050-680c4f2ec468": "1.4.1-0.20261122025050-680c4f2ec468",
		"v0.0.0-20261122024119-b4e4fb1556ab+dirty": "0.0.0-20261122024119-b4e4fb1556ab+dirty",
		"(devel)": "devel (unknown commit)",
		"":        "devel (unknown commit)",
	} {
		if got := version(&debug.BuildInfo{Main: debug.Module{Version: stamped}}); got != want {
			t.Errorf("%q: %q, want %q", stamped, got, want)
		}
	}
}
