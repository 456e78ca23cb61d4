package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// stampText is the data of event number n.
func stampText(n int) string {
	return string(AppendStamp(nil, Stamp{Publisher: 3, Sequence: uint32(n), Planned: 1763676000123456789}, 60))
}

// chunked frames text in chunks of the given size, as HTTP/1.1 does.
func chunked(text string, size int) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(size, len(text))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, text[:n])
		text = text[n:]
	}
	return b.String() + "0\r\n\r\n"
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"

// streams is the same events as different servers would send them, the second in an envelope.
func streams() map[string]string {
	one, two := stampText(1), stampText(2)
	lf := "retry: 1500\n: hello\nid: 7\n\nid: 8\ndata: " + one + "\n\nevent: x\n" +
		`data:{"id":"9","data":"` + two + `"}` + "\nid:9\n\n: beat\n\ndata: lost"
	crlf := strings.ReplaceAll(lf, "\n", "\r\n")
	all := map[string]string{
		"LF to the end":   okHead + "\r\n" + lf,
		"CRLF to the end": okHead + "\r\n" + crlf,
		"by length":       okHead + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(lf)) + lf,
	}
	for _, size := range []int{1, 7, 100, 10000} {
		all[fmt.Sprintf("LF in chunks of %d", size)] = okHead + "Transfer-Encoding: chunked\r\n\r\n" + chunked(lf, size)
		all[fmt.Sprintf("CRLF in chunks of %d", size)] = okHead + "Transfer-Encoding: chunked\r\n\r\n" +
			chunked(crlf, size)
	}
	return all
}

func TestAStreamReadsTheSameWhereverReadsCutIt(t *testing.T) {
	for name, stream := range streams() {
		for cut := range len(stream) {
			check(t, fmt.Sprintf("%s, cut at %d", name, cut), stream[:cut], stream[cut:])
		}
		check(t, name+", byte by byte", strings.Split(stream, "")...)
	}
}

// check feeds pieces to a parser and checks the result.
func check(t *testing.T, name string, pieces ...string) {
	t.Helper()
	var p parser
	var got []uint32
	for _, piece := range pieces {
		err := p.feed([]byte(piece), func(s Stamp, stamped bool) {
			if !stamped || s.Publisher != 3 || s.Planned != 1763676000123456789 {
				t.Fatalf("%s: %+v, stamped: %v", name, s, stamped)
			}
			got = append(got, s.Sequence)
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if !slices.Equal(got, []uint32{1, 2}) || string(p.lastID) != "9" || p.retry != 1500*time.Millisecond {
		t.Fatalf("%s: events %v, last id %q, retry %v", name, got, p.lastID, p.retry)
	}
}

func TestOnlyTheStartOfALongLineIsKept(t *testing.T) {
	var p parser
	events := 0
	long := "data: " + stampText(1) + strings.Repeat("x", 100000) + "\n\n"
	for _, piece := range []string{okHead + "\r\n", long[:20], long[20:50000], long[50000:]} {
		if err := p.feed([]byte(piece), func(s Stamp, stamped bool) {
			if stamped && s.Sequence == 1 {
				events++
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if events != 1 || cap(p.line) > 2*keep {
		t.Errorf("%d events; %d bytes kept", events, cap(p.line))
	}
}

func TestAnAnswerThatIsNoStreamSaysWhat(t *testing.T) {
	for head, want := range map[string]string{
		"HTTP/1.1 503 Full\r\nContent-Type: text/plain\r\n\r\nlater": `the server answers 503, not 200: "later"`,
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>":   "text/html",
		okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n":          `"zz" is no chunk size`,
	} {
		var p parser
		err := p.feed([]byte(head), func(Stamp, bool) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", head, err, want)
		}
		var response *ResponseError
		if strings.HasPrefix(want, "the server") && !errors.As(err, &response) {
			t.Errorf("%v is no ResponseError", err)
		}
	}
}

func TestAStampReadsBack(t *testing.T) {
	want := Stamp{Publisher: 65535, Sequence: 4294967295, Planned: 1 << 62}
	if got, ok := ParseStamp(AppendStamp(nil, want, 0)); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, text := range []string{"", "hello", strings.Repeat("@", 40),
		strings.Replace(stampText(1), "000", "00g", 1)} {
		if _, ok := ParseStamp([]byte(text)); ok {
			t.Errorf("%q is taken for a stamp", text)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	var stream []byte
	for i := range 1000 {
		stream = fmt.Appendf(stream, "id: 1763676000000-%d\ndata: %s\n\n", i,
			AppendStamp(nil, Stamp{Sequence: uint32(i)}, 100))
	}
	p := parser{state: inBody}
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		p.feed(stream, func(Stamp, bool) {})
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}

func TestIDsAreComparedAsNumbers(t *testing.T) {
	for _, pair := range [][2]string{{"", "1-0"}, {"9-5", "10-0"}, {"10-9", "10-10"}, {"10-9", "11-0"}} {
		a, b := []byte(pair[0]), []byte(pair[1])
		if !below(a, b) || below(b, a) || below(a, a) {
			t.Errorf("%q is not below %q, or the other way round", a, b)
		}
	}
}

func TestAGapIsSeenWithItsOwnEventOnly(t *testing.T) {
	var p parser
	var gaps []bool
	text := okHead + "\r\nevent: gap\ndata: {}\n\ndata: a\n\nevent: gap\n\nevent: gaps\ndata: b\n\nevent:gap\ndata:\n\n"
	if err := p.feed([]byte(text), func(Stamp, bool) { gaps = append(gaps, p.gap) }); err != nil {
		t.Fatal(err)
	}
	if want := []bool{true, false, false, true}; !slices.Equal(gaps, want) {
		t.Errorf("%v, want %v", gaps, want)
	}
}
