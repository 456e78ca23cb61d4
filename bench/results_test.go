package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// example is a run of two rounds.
func example() *results {
	r := &results{Machine: "Machine: a test.", Rounds: 2, Skipped: map[string]string{"nchan": "not here"}}
	for round, values := range []map[string]float64{{"ours": 1500000, "go-sse": 100000, "r3labs": 250000}, {"ours": 1300000, "go-sse": 140000, "r3labs": 350000}} {
		for server, v := range values {
			r.add(&trial{Case: "flat", Server: server, Values: map[string]float64{"rate": v, "cost": float64(round + 1)}})
			r.add(&trial{Case: "growth", Server: server, Values: map[string]float64{growthMetric(1000): 10, growthMetric(15000): 12}})
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

func TestFiguresHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0421: "0.042", 1.234: "1.23", 7: "7", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567", -1500: "-1,500"} {
		if got := significant(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
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
