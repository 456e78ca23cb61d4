package sse

import (
	"bytes"
	"io"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// onWire is data as a client reads it: the format does not tell CR and CRLF from LF.
var onWire = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func FuzzReadWhatAppendWrote(f *testing.F) {
	for _, data := range []string{
		"", "hello", "a\nb", "a\rb", "a\r\nb", "\n", "\r", "\r\n", "\n\r", "a\r\r\n\n", " a", ":", "data: x",
		"a\ndata: forged", "x\r\n\r\nevent: evil", "a\x00b", "\u2028", "\uFEFF", "\xff\xe2\x82", "x\n\nid: 9\n\n",
	} {
		f.Add("1763676000000-3", "greeting", data, "", "", "second", "comment", int64(2417))
		f.Add(data, data, "first", data, data, data, data, int64(0))
	}
	f.Fuzz(func(t *testing.T, id1, type1, data1, id2, type2, data2, comment string, retry int64) {
		head, note := MakeLine("head"), MakeLine(comment)
		events := []Event{
			{MakeLine(id1), MakeLine(type1), data1},
			{MakeLine(id2), MakeLine(type2), data2},
			{Data: data1},
			{MakeLine(type2), MakeLine(id1), data2 + data1},
		}
		stream := AppendHead(nil, time.Duration(retry), note, head)
		want := result{
			LastEventID: head.String(),
			Retry:       max(time.Duration(retry), 0).Truncate(time.Millisecond),
		}
		for _, e := range events {
			stream = AppendComment(Append(stream, e), note)
			if e.ID.String() != "" {
				want.LastEventID = e.ID.String()
			}
			want.Messages = append(want.Messages, Message{want.LastEventID, e.Type.String(), onWire.Replace(e.Data)})
		}
		if got := readAll(bytes.NewReader(stream)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", stream, got, want)
		}
	})
}

// FuzzReadAnything reads arbitrary bytes: never a panic, never a loop, the same result however they are cut up, and the
// same as byTheBook.
func FuzzReadAnything(f *testing.F) {
	for _, stream := range []string{
		"", "\n", "\r", "\r\n", "data", "data\n\n", "data: a\r\rdata: b\r\n\r\n", "\uFEFFdata: a\n\n",
		"\uFEFF\uFEFFdata\n\n",
		"id: 1\nevent: x\ndata: a\n\ndata: b\n\n", "id: 1\n\nid: \x00\n\nid\n\n", "retry: 12\nretry: 1x\nretry\n",
		"event: x\n\ndata\n\n",
		": c\r\ndata:\r\ndata:  a\r\n\r\nda", "data: \xff\xe2\x82\n\n", "retry: 99999999999999999999\n",
		"event: x\r\ndata: a\n\rdata: b\n\n",
	} {
		f.Add([]byte(stream), uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		want := byTheBook(string(stream))
		for how, r := range map[string]io.Reader{
			"in one piece": bytes.NewReader(stream),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
			"in halves":    iotest.HalfReader(bytes.NewReader(stream)),
			"in pieces":    &piecewise{bytes.NewReader(stream), int(piece) + 1},
			"data and EOF": iotest.DataErrReader(bytes.NewReader(stream)),
		} {
			if got := readAll(r); !reflect.DeepEqual(got, want) {
				t.Errorf("%q %s:\ngot  %+v\nwant %+v", stream, how, got, want)
			}
		}
	})
}

// piecewise reads at most size bytes at once.
type piecewise struct {
	r    io.Reader
	size int
}

func (p *piecewise) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.size)]) }

// byTheBook implements the standard again, on the whole stream and without regard to speed: Reader must agree with it.
// It works for streams below MaxBytes.
func byTheBook(stream string) (got result) {
	stream = onWire.Replace(strings.TrimPrefix(stream, "\uFEFF"))
	lines := strings.Split(stream, "\n")
	var id, typ, data string
	for _, line := range lines[:len(lines)-1] { // the last has no end: pending data, discarded
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			got.LastEventID = id
			if data != "" {
				got.Messages = append(got.Messages, Message{id, typ, strings.TrimSuffix(data, "\n")})
			}
			typ, data = "", ""
		case name == "event":
			typ = value
		case name == "data":
			data += value + "\n"
		case name == "id" && !strings.Contains(value, "\x00"):
			id = value
		case name == "retry" && value != "" && strings.Trim(value, "0123456789") == "":
			ms, _ := new(big.Int).SetString(value, 10)
			if longest := big.NewInt(maxRetry); ms.Cmp(longest) > 0 {
				ms = longest
			}
			got.Retry = time.Duration(ms.Int64()) * time.Millisecond
		}
	}
	return got
}
