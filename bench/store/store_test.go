package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestAnAnswerIsWholeWithItsLastByte(t *testing.T) {
	for _, answer := range []struct{ text, body string }{
		{"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX: y\r\n\r\nabcd", "abcd"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "2\r\nab\r\n0\r\n\r\n"},
	} {
		for n := range len(answer.text) {
			if _, whole, err := parseAnswer([]byte(answer.text[:n])); whole || err != nil {
				t.Errorf("%q: whole %v, error %v", answer.text[:n], whole, err)
			}
		}
		if body, whole, err := parseAnswer([]byte(answer.text)); !whole || err != nil || string(body) != answer.body {
			t.Errorf("%q: %q, %v, %v", answer.text, body, whole, err)
		}
	}
}

func TestARefusalIsAnError(t *testing.T) {
	_, whole, err := parseAnswer([]byte("HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 2\r\n\r\nno"))
	if !whole || err == nil || !strings.Contains(err.Error(), "507") {
		t.Errorf("whole %v, error %v", whole, err)
	}
}

func TestTheIDOfAnAnswerIsFound(t *testing.T) {
	if id, err := idOf([]byte(`{"id":"1763676000000-3","topic":"t"}`)); id != "1763676000000-3" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
	if _, err := idOf([]byte(`{"topic":"t"}`)); err == nil {
		t.Error("no error where there is no id")
	}
}

func TestAWrongCommandLineSaysWhatWouldBeRight(t *testing.T) {
	for line, want := range map[string]string{
		"-cases none":               `-cases: there is no "none": want some of publish1,`,
		"-rounds 0":                 "-rounds 0: want 1 or more",
		"-kept 0":                   "-kept 0: want 1 to 100",
		"-behind 0":                 "-behind 0: want 1 to 1000000",
		"readers":                   `"readers": want flags only`,
		"-store pebble:/var/events": "-store pebble:/var/events: want a relative name",
		"-store pebble:../events":   "want a relative name",
	} {
		if _, err := parse(strings.Fields(line), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

func TestEachRoundIsComparedWithItself(t *testing.T) {
	r := results{options: options{builds: []build{{"A", "", "x"}, {"B", "", "y"}}, rounds: 2}}
	for round, values := range [][2]float64{{10, 5}, {30, 10}} {
		for i, b := range r.options.builds {
			r.trials = append(r.trials, &trial{testCase: "publish64", build: b, round: round,
				values: map[string]float64{"rate": values[i]}})
		}
	}
	var b bytes.Buffer
	r.markdown(&b)
	if want := "| events/s | 20 (10..30) | 7.50 (5..10) | 2.50 (2..3) |"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

func TestTheMillionGoesToAHundredThousandTopics(t *testing.T) {
	counts := map[string]int{}
	for k := range int64(storedEvents) {
		counts[storedPath(k)]++
	}
	if len(counts) != manyTopics || counts["/events/long7"] != 1000 || counts["/events/t7"] < 9 {
		t.Errorf("%d topics, %d and %d events", len(counts), counts["/events/long7"], counts["/events/t7"])
	}
}
