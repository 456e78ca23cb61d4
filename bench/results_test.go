package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// example is a run of two rounds.
func example() *results {
	r := &results{Machine: "Machine: a test.", Rounds: 2, Skipped: map[string]string{"nchan": "not here"}}
	for round, values := range []map[string]float64{{"ours": 1500000, "go-sse": 100000, "r3labs": 250000},
		{"ours": 1300000, "go-sse": 140000, "r3labs": 350000}} {
		for server, v := range values {
			r.add(&trial{Case: "flat", Server: server,
				Values: map[string]float64{"rate": v, "cost": float64(round + 1)}})
			r.add(&trial{Case: "growth", Server: server,
				Values: map[string]float64{growthMetric(1000): 10, growthMetric(15000): 12}})
		}
	}
	r.Trials[0].note("something\nwas odd")
	return r
}

func TestTheTableHasMediansAndSpread(t *testing.T) {
	var b bytes.Buffer
	example().markdown(&b)
	for _, want := range []string{
		"| ours | 1,400,000 (1,300,000..1,500,000) | 1.50 (1..2) |",
		"Without nchan: not here",
		": something was odd\n",
		"| flat, deliveries/s: ours / best Go peer | 4.67 | above 1 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
	}
}

func TestThePictureIsWellFormed(t *testing.T) {
	var b bytes.Buffer
	if err := example().picture(&b); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(&b); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWrongCommandLineSaysWhatWouldBeRight(t *testing.T) {
	for line, want := range map[string]string{
		"-cases none":     `-cases: there is no "none": want some of steady,flat`,
		"-servers apache": `-servers: there is no "apache"`,
		"-rounds 0":       "-rounds 0: want 1 or more",
		"steady":          `"steady": want flags only`,
	} {
		_, err := parse(strings.Fields(line), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

func TestEachCaseIsShownFromTheLastFileThatHasIt(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for i, trials := range [][]*trial{
		{{Case: "one", Server: "ours", Values: map[string]float64{"p50": 1}},
			{Case: "one", Server: "floor", Values: map[string]float64{"p50": 2}},
			{Case: "flat", Server: "ours", Values: map[string]float64{"rate": 3}},
			{Case: "flat", Server: "floor", Values: map[string]float64{"rate": 4}}},
		{{Case: "one", Server: "ours", Values: map[string]float64{"p50": 5}}},
	} {
		text, err := json.Marshal(results{Rounds: 5, Trials: trials})
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, strconv.Itoa(i)))
		if err := os.WriteFile(files[i], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := readResults(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		testCase, server, metric string
		value                    float64
	}{{"one", "ours", "p50", 5}, {"flat", "ours", "rate", 3}, {"flat", "floor", "rate", 4}} {
		if got, ok := all.of(want.testCase, want.server, want.metric); !ok || got.Median != want.value {
			t.Errorf("%+v: got %v", want, got.Median)
		}
	}
	if _, ok := all.of("one", "floor", "p50"); ok {
		t.Error("a case has servers of two runs")
	}
}
