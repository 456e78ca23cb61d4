package web

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/audit"
)

func TestEveryFieldOfACSVFileIsQuoted(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	record := audit.Record{
		ID: `a "b"`, CreatedAt: at, Actor: "ann, bob", Target: "x", Details: json.RawMessage(`{"a":1}`)}
	want := `"a ""b""","2026-01-02T03:04:05.000000006Z","ann, bob","","x","{""a"":1}"` + "\r\n"
	got := csvLine(record)
	if got != want {
		t.Errorf("the row is %s, want %s", got, want)
	}
	row, err := csv.NewReader(strings.NewReader(got)).Read()
	if err != nil || row[0] != record.ID || row[5] != string(record.Details) {
		t.Errorf("it reads as %q, %v", row, err)
	}
}

func TestNoFieldOfACSVFileBeginsAFormula(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"} {
		row := csvLine(audit.Record{ID: text, Actor: text, Action: text, Target: text})
		if n := strings.Count(row, `"'`+text+`"`); n != 4 {
			t.Errorf("%q is harmless %d times in %q, want 4", text, n, row)
		}
	}
	if got := cell("a=1"); got != "a=1" {
		t.Errorf("what is no formula became %q", got)
	}
}
