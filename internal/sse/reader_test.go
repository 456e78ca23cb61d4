package sse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// result is everything a client knows when its stream has ended.
type result struct {
	Messages    []Message
	LastEventID string
	Retry       time.Duration
	Err         error // nil for io.EOF
}

// readAll reads to the end of the stream.
func readAll(stream io.Reader) (got result) {
	r := NewReader(stream)
	for {
		m, err := r.Next()
		if err != nil {
			got.LastEventID, got.Retry = r.LastEventID(), r.Retry()
			if err != io.EOF {
				got.Err = err
			}
			return got
		}
		got.Messages = append(got.Messages, m)
	}
}

// check reads the stream in one piece, byte by byte, and cut in two at every byte.
func check(t *testing.T, stream string, want result) {
	t.Helper()
	readers := map[string]io.Reader{
		"in one piece":  strings.NewReader(stream),
		"byte by byte":  iotest.OneByteReader(strings.NewReader(stream)),
		"data with EOF": iotest.DataErrReader(strings.NewReader(stream)),
	}
	for i := range stream {
		readers["cut before "+stream[i:]] = io.MultiReader(strings.NewReader(stream[:i]), strings.NewReader(stream[i:]))
	}
	for how, r := range readers {
		if got := readAll(r); !reflect.DeepEqual(got, want) {
			t.Errorf("%q %q:\ngot  %+v\nwant %+v", stream, how, got, want)
			return
		}
	}
}

func messages(data ...string) (m []Message) {
	for _, d := range data {
		m = append(m, Message{Data: d})
	}
	return m
}

func TestTheStandardsOwnExamples(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   result
	}{
		"three messages (Introduction)": {
			"data: This is the first message.\n\n" +
				"data: This is the second message, it\ndata: has two lines.\n\n" +
				"data: This is the third message.\n\n",
			result{Messages: messages("This is the first message.", "This is the second message, it\nhas two lines.",
				"This is the third message.")},
		},
		"event types (Introduction)": {
			"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
			result{Messages: []Message{{"", "add", "73857293"}, {"", "remove", "2153"}, {"", "add", "113411"}}},
		},
		"stock ticker": {
			"data: YHOO\ndata: +2\ndata: 10\n\n",
			result{Messages: messages("YHOO\n+2\n10")},
		},
		"four blocks: the third resets the id, the fourth is cut off": {
			": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\ndata: fourth",
			result{Messages: []Message{{"1", "", "first event"}, {"", "", "second event"}, {"", "", " third event"}}},
		},
		"empty data dispatches, no data does not, nor does a cut off block": {
			"data\n\ndata\ndata\n\ndata:",
			result{Messages: messages("", "\n")},
		},
		"the space after the colon is ignored": {
			"data:test\n\ndata: test\n\n",
			result{Messages: messages("test", "test")},
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, c.stream, c.want) })
	}
}

func TestLinesAndFields(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   result
	}{
		"nothing":           {"", result{}},
		"empty lines alone": {"\n\r\r\n\n", result{}},
		"LF":                {"data: a\ndata: b\n\ndata: c\n\n", result{Messages: messages("a\nb", "c")}},
		"CR":                {"data: a\rdata: b\r\rdata: c\r\r", result{Messages: messages("a\nb", "c")}},
		"CRLF": {"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
			result{Messages: messages("a\nb", "c")}},
		"CR, then CRLF": {"data: a\r\r\ndata: b\r\r\n", result{Messages: messages("a", "b")}},
		"LF, then CR":   {"data: a\n\rdata: b\n\r", result{Messages: messages("a", "b")}},
		"CRLF is one break, LF CR is two": {"event: x\r\ndata: a\n\rdata: b\n\n",
			result{Messages: []Message{{"", "x", "a"}, {"", "", "b"}}}},
		"other breaks are text": {"data: a\u2028b\u2029c\u0085d\ve\f\n\n",
			result{Messages: messages("a\u2028b\u2029c\u0085d\ve\f")}},
		"one byte order mark":             {"\uFEFFdata: a\n\n", result{Messages: messages("a")}},
		"two byte order marks":            {"\uFEFF\uFEFFdata: a\n\ndata: b\n\n", result{Messages: messages("b")}},
		"a byte order mark later":         {"data: a\n\n\uFEFFdata: b\n\n", result{Messages: messages("a")}},
		"a byte order mark after a break": {"\n\uFEFFdata: b\n\n", result{}},
		"a byte order mark in a value":    {"data: \uFEFFa\n\n", result{Messages: messages("\uFEFFa")}},
		"half a byte order mark":          {"\xEF\xBBdata: a\n\n", result{}},
		"comments": {":\n: x\n:data: no\ndata: a\n:\x00\ndata: b\n\n",
			result{Messages: messages("a\nb")}},
		"unknown fields": {"Data: a\n data: b\ndata : c\ndatas: d\nx\ndata: e\n\n",
			result{Messages: messages("e")}},
		"one space goes, no more": {"event:  x\nid:  1\ndata:  a \n\n",
			result{Messages: []Message{{" 1", " x", " a "}}, LastEventID: " 1"}},
		"a tab is no space":      {"data:\ta\n\n", result{Messages: messages("\ta")}},
		"colons in a value":      {"data::a: b\n\n", result{Messages: messages(":a: b")}},
		"fields without a colon": {"event\nid\ndata\n\n", result{Messages: messages("")}},
		"the last type counts": {"event: x\nevent: y\ndata: a\n\n",
			result{Messages: []Message{{"", "y", "a"}}}},
		"an empty type is none": {"event: x\nevent\ndata: a\n\n", result{Messages: messages("a")}},
		"NUL in type and data stays": {"event: x\x00\ndata: \x00\n\n",
			result{Messages: []Message{{"", "x\x00", "\x00"}}}},
		"invalid UTF-8 stays": {"event: \xff\nid: \xfe\ndata: \xe2\x82\n\n",
			result{Messages: []Message{{"\xfe", "\xff", "\xe2\x82"}}, LastEventID: "\xfe"}},
		"the end discards a block": {"data: a\n\nid: 1\ndata: b\n", result{Messages: messages("a")}},
		"the end discards a line":  {"data: a\n\ndata: b", result{Messages: messages("a")}},
		"a type does not outlive a block": {"event: x\n\ndata: a\n\nevent: y\ndata: b\n\ndata: c\n\n",
			result{Messages: []Message{{"", "", "a"}, {"", "y", "b"}, {"", "", "c"}}}},
	} {
		t.Run(name, func(t *testing.T) { check(t, c.stream, c.want) })
	}
}

func TestTheLastEventIDPersists(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   result
	}{
		"over events": {"id: 1\ndata: a\n\ndata: b\n\n",
			result{Messages: []Message{{"1", "", "a"}, {"1", "", "b"}}, LastEventID: "1"}},
		"until the next": {"id: 1\ndata: a\n\nid: 2\ndata: b\n\n",
			result{Messages: []Message{{"1", "", "a"}, {"2", "", "b"}}, LastEventID: "2"}},
		"until an empty one": {"id: 1\ndata: a\n\nid:\ndata: b\n\n",
			result{Messages: []Message{{"1", "", "a"}, {"", "", "b"}}}},
		"from a block of no data": {"id: 1\n\n", result{LastEventID: "1"}},
		"from the first block": {"retry: 2417\n: x\nid: 7\n\ndata: a\n\n",
			result{Messages: []Message{{"7", "", "a"}}, LastEventID: "7", Retry: 2417 * time.Millisecond}},
		"but one with NUL counts": {"id: 1\n\nid: 2\x00\ndata: a\n\n",
			result{Messages: []Message{{"1", "", "a"}}, LastEventID: "1"}},
		"but not from a cut one": {"id: 1\n\nid: 2\n", result{LastEventID: "1"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, c.stream, c.want) })
	}
}

func TestRetryTakesDigitsOnly(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   time.Duration
	}{
		"digits":                 {"retry: 1500\n", 1500 * time.Millisecond},
		"no space":               {"retry:0042\n", 42 * time.Millisecond},
		"the last counts":        {"retry: 1\n\nretry: 2\n", 2 * time.Millisecond},
		"at once, without block": {"retry: 3\ndata: cut off", 3 * time.Millisecond},
		"but not in a cut line":  {"retry: 3\nretry: 4", 3 * time.Millisecond},
		"zero":                   {"retry: 5\nretry: 0\n", 0},
		"empty":                  {"retry: 5\nretry:\nretry\n", 5 * time.Millisecond},
		"a sign":                 {"retry: 5\nretry: -1\nretry: +1\n", 5 * time.Millisecond},
		"a fraction":             {"retry: 5\nretry: 1.5\nretry: 1e3\n", 5 * time.Millisecond},
		"spaces":                 {"retry: 5\nretry:  1\nretry: 1 \n", 5 * time.Millisecond},
		"letters":                {"retry: 5\nretry: 1000x\nretry: 0x10\nretry: 1_0\n", 5 * time.Millisecond},
		"other digits":           {"retry: 5\nretry: \u0663\n", 5 * time.Millisecond},
		"long, and a letter":     {"retry: 5\nretry: 99999999999999999999999x\n", 5 * time.Millisecond},
		"the longest Duration":   {"retry: 9223372036854\n", 9223372036854 * time.Millisecond},
		"beyond the longest":     {"retry: 9223372036855\n", 9223372036854 * time.Millisecond},
		"far beyond":             {"retry: 99999999999999999999999\n", 9223372036854 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) { check(t, c.stream, result{Retry: c.want}) })
	}
}

// impatient fails the test if it is read beyond its stream, where a live connection would block until its server has
// something to say.
type impatient struct {
	t      *testing.T
	stream io.Reader
}

func (r impatient) Read(p []byte) (int, error) {
	n, err := r.stream.Read(p)
	if err != nil {
		r.t.Error("Next reads beyond the empty line of its event")
	}
	return n, err
}

func TestAnEventIsReturnedAsSoonAsItsEmptyLineIsRead(t *testing.T) {
	for _, stream := range []string{"data: a\n\n", "data: a\r\r", "data: a\r\n\r", "data: a\r\n\r\n", "data: a\n\r"} {
		for how, in := range map[string]io.Reader{
			"in one piece": strings.NewReader(stream),
			"byte by byte": iotest.OneByteReader(strings.NewReader(stream)),
		} {
			t.Run(fmt.Sprintf("%q %s", stream, how), func(t *testing.T) {
				m, err := NewReader(impatient{t, in}).Next()
				if m.Data != "a" || err != nil {
					t.Errorf("got %+v, %v", m, err)
				}
			})
		}
	}
}

func TestAnErrorStays(t *testing.T) {
	broken := errors.New("connection reset")
	// What comes after the error would complete the event that it cut off.
	r := NewReader(io.MultiReader(
		strings.NewReader("data: a\n\ndata: b\n"), &onceErr{err: broken}, strings.NewReader("\n")))
	if m, err := r.Next(); m.Data != "a" || err != nil {
		t.Fatalf("got %+v, %v", m, err)
	}
	for range 3 {
		if m, err := r.Next(); err != broken || m != (Message{}) {
			t.Fatalf("got %+v, %v, want %v", m, err, broken)
		}
	}
}

// onceErr fails once, then ends.
type onceErr struct{ err error }

func (r *onceErr) Read([]byte) (int, error) {
	err := r.err
	r.err = io.EOF
	return 0, err
}

func TestAReaderThatNeverDeliversEndsInAnError(t *testing.T) {
	if _, err := NewReader(neverReader{}).Next(); err != io.ErrNoProgress {
		t.Errorf("got %v, want %v", err, io.ErrNoProgress)
	}
}

type neverReader struct{}

func (neverReader) Read([]byte) (int, error) { return 0, nil }

func TestAnEndlessEventIsRefused(t *testing.T) {
	kib := strings.Repeat("x", 1<<10)
	for name, text := range map[string]string{
		"a line":     kib,
		"a comment":  ":" + kib,
		"data lines": "data: " + kib + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := readAll(strings.NewReader("data: a\n\n" + strings.Repeat(text, 2*MaxBytes/len(text))))
			if !reflect.DeepEqual(got, result{Messages: messages("a"), Err: ErrTooLong}) {
				t.Errorf("got %d messages, error %v, want 1 and %v", len(got.Messages), got.Err, ErrTooLong)
			}
		})
	}
}

func TestTheBoundIsMaxBytes(t *testing.T) {
	most := strings.Repeat("x", MaxBytes-len("data:"))
	for _, size := range []int{16, 1 << 20} {
		ok := readAll(bufio.NewReaderSize(strings.NewReader("data:"+most+"\n\n"), size))
		if ok.Err != nil || len(ok.Messages) != 1 || ok.Messages[0].Data != most {
			t.Errorf("MaxBytes: %d messages, error %v", len(ok.Messages), ok.Err)
		}
		over := readAll(bufio.NewReaderSize(strings.NewReader("data:"+most+"x\n\n"), size))
		if over.Err != ErrTooLong || len(over.Messages) != 0 {
			t.Errorf("MaxBytes+1: %d messages, error %v", len(over.Messages), over.Err)
		}
	}
}

func TestCommentsAndEventsMayGoOnForever(t *testing.T) {
	for name, c := range map[string]struct {
		block string
		want  Message // the last
	}{
		"comments and types": {": " + strings.Repeat("x", 500) + "\nevent: none\n", Message{"", "none", "a"}},
		"events":             {"data: " + strings.Repeat("x", 500) + "\n\n", Message{Data: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			stream := strings.Repeat(c.block, 2*MaxBytes/len(c.block)) + "data: a\n\n"
			got := readAll(strings.NewReader(stream))
			if n := len(got.Messages); got.Err != nil || n == 0 || got.Messages[n-1] != c.want {
				t.Errorf("%d messages, error %v", n, got.Err)
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	block := Append(nil, benchEvent)
	stream := bytes.Repeat(block, 1000)
	r := NewReader(bytes.NewReader(stream))
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err == io.EOF {
			r = NewReader(bytes.NewReader(stream))
		}
	}
}
