package sse

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares got with testdata/name.sse, byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".sse")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (write it with: go test -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAppendWritesTheGoldenBytes(t *testing.T) {
	id := MakeLine("1763676000000-3")
	for name, e := range map[string]Event{
		"event":                          {ID: id, Type: MakeLine("greeting"), Data: "hello"},
		"event-data-alone":               {Data: "hello"},
		"event-empty":                    {},
		"event-id-alone":                 {ID: id},
		"event-lf":                       {Data: "a\nb"},
		"event-cr":                       {Data: "a\rb"},
		"event-crlf":                     {Data: "a\r\nb"},
		"event-mixed-breaks":             {Data: "a\r\r\nb\n\rc\n\n"},
		"event-one-break":                {Data: "\n"},
		"event-trailing-newlines":        {Data: "a\n\n"},
		"event-leading-spaces":           {ID: MakeLine("  1"), Type: MakeLine(" x"), Data: "  a\n b"},
		"event-unicode":                  {Type: MakeLine("grüße"), Data: "日本\u2028語 \u2029 \u0085 🎉"},
		"event-byte-order-mark":          {ID: MakeLine("\uFEFF1"), Data: "\uFEFFa"},
		"event-nul":                      {Data: "a\x00b"},
		"event-invalid-utf8":             {ID: MakeLine("\xff"), Data: "a\xe2\x82b\xc0\x80"},
		"hostile-data-forges-data":       {Data: "a\ndata: forged"},
		"hostile-data-forges-event":      {ID: id, Data: "x\r\n\r\nevent: evil"},
		"hostile-data-forges-end":        {Data: "x\n\nid: 9\n\n"},
		"hostile-id-forges-fields":       {ID: MakeLine("1\r\n\r\ndata: forged\x00"), Data: "x"},
		"hostile-type-forges-fields":     {Type: MakeLine("a\ndata: forged\rid: 9"), Data: "x"},
		"hostile-line-of-breaks-is-zero": {ID: MakeLine("\r\n\x00"), Type: MakeLine("\n"), Data: "x"},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, Append(nil, e)) })
	}
}

func TestAppendHeadWritesTheGoldenBytes(t *testing.T) {
	id, comment := MakeLine("1763676000000-3"), MakeLine("iris-broadcast")
	for name, got := range map[string][]byte{
		"head":                AppendHead(nil, 2417*time.Millisecond, comment, id),
		"head-without-id":     AppendHead(nil, 12*time.Second, MakeLine("full"), Line{}),
		"head-retry-alone":    AppendHead(nil, 2*time.Second, Line{}, Line{}),
		"head-part-of-ms":     AppendHead(nil, 1999*time.Microsecond, comment, id),
		"head-negative-retry": AppendHead(nil, -time.Second, comment, id),
		"hostile-head": AppendHead(nil, time.Second, MakeLine("x\n\ndata: forged"),
			MakeLine("1\n\ndata: forged\n\n")),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, got) })
	}
}

func TestAppendCommentWritesTheGoldenBytes(t *testing.T) {
	for name, comment := range map[string]Line{
		"comment":         MakeLine("heartbeat"),
		"comment-empty":   {},
		"hostile-comment": MakeLine("x\r\n\r\ndata: forged\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, AppendComment(nil, comment)) })
	}
}

func TestAppendKeepsWhatIsInDst(t *testing.T) {
	dst := []byte("before|")
	dst = Append(dst, Event{Data: "x"})
	dst = AppendComment(dst, MakeLine("c"))
	dst = AppendHead(dst, time.Second, Line{}, Line{})
	if want := "before|data: x\n\n: c\n\nretry: 1000\n\n"; string(dst) != want {
		t.Errorf("got %q, want %q", dst, want)
	}
}

func TestALineHoldsNoCRNorLFNorNUL(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"plain":                        "plain",
		" spaces stay ":                " spaces stay ",
		"a\rb\nc\x00d":                 "abcd",
		"\r\n\x00":                     "",
		"\u2028\u2029\u0085\v\f\t\x1b": "\u2028\u2029\u0085\v\f\t\x1b", // none of these ends a line
		"invalid \xff\xfe\n bytes":     "invalid \xff\xfe bytes",
	} {
		if got := MakeLine(in).String(); got != want {
			t.Errorf("MakeLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 4096)
	text := "1763676000000-3"
	for name, f := range map[string]func(){
		"MakeLine":      func() { MakeLine(text) },
		"Append":        func() { Append(dst, benchEvent) },
		"AppendHead":    func() { AppendHead(dst, time.Second, benchEvent.Type, benchEvent.ID) },
		"AppendComment": func() { AppendComment(dst, benchEvent.Type) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

var benchEvent = Event{
	ID:   MakeLine("1763676000000-3"),
	Type: MakeLine("quote"),
	Data: `{"symbol":"IRIS","bid":101.25,"ask":101.5,"time":"2025-11-20T22:00:00.000Z"}`,
}

func BenchmarkAppend(b *testing.B) {
	for name, data := range map[string]string{
		"json":           benchEvent.Data,
		"64KiB-one-line": strings.Repeat("x", 64<<10),
		"64KiB-of-CR":    strings.Repeat("\r", 64<<10), // must not be quadratic
		"64KiB-of-LF":    strings.Repeat("\n", 64<<10),
	} {
		b.Run(name, func(b *testing.B) {
			e := benchEvent
			e.Data = data
			dst := Append(nil, e)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				dst = Append(dst[:0], e)
			}
		})
	}
}
