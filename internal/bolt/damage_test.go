package bolt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// everything is a query for all that there is.
func everything(t testing.TB) stream.Query {
	t.Helper()
	all, err := stream.ParseSelection([]string{"*"})
	if err != nil {
		t.Fatal(err)
	}
	return stream.Query{Topics: all, Limit: stream.MaxPage}
}

// sample fills a store with topics that take up one line of a page, a page, and many, and returns an event for each topic.
func sample(t testing.TB, path string) (one []stream.Event) {
	t.Helper()
	keep := logtest.Generous
	keep.Events = 400
	s := openStore(t, path, keep)
	var events []stream.Event
	for i := range 20 {
		e := stream.Event{Topic: stream.MustTopic(fmt.Sprint("topic/", i)), Data: strings.Repeat("x", 200)}
		one = append(one, e)
		for range 1 + i*i {
			events = append(events, e)
		}
	}
	huge := stream.Event{Topic: stream.MustTopic("huge"), Data: strings.Repeat("y", 20_000)}
	one = append(one, huge)
	for range 3 { // more than once, so that there are free pages
		appendAll(t, s, events...)
		appendAll(t, s, huge)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return one
}

// useAll does with a store what can be done. Errors are fine; panics and hangs are not.
func useAll(t *testing.T, s *Store, one []stream.Event) {
	q := everything(t)
	for range 20 {
		page, err := s.Page(t.Context(), q)
		if err != nil || !page.More {
			break
		}
		q.After = page.End()
	}
	for _, e := range one {
		_, _ = s.Page(t.Context(), stream.Query{Topics: stream.Select(e.Topic), Limit: 10, Newest: true})
	}
	before, _ := s.Head(t.Context())
	if _, err := s.Append(t.Context(), one...); err != nil {
		if e := stream.AsError(err); e.Code != stream.Unavailable {
			t.Errorf("appending to a damaged store: %v, want unavailable", err)
		}
		if head, _ := s.Head(t.Context()); s.Ready(t.Context()) == nil || head != before {
			t.Errorf("after an append that failed, the head is %v (before: %v) and its error %v", head, before, err)
		}
	}
	_, _ = s.Append(t.Context(), one...)
}

// damages are what may become of one page of a file.
var damages = map[string]func(file, page []byte){
	"zeros":         func(_, page []byte) { clear(page) },
	"ones":          func(_, page []byte) { copy(page, bytes.Repeat([]byte{0xFF}, len(page))) },
	"noise":         func(_, page []byte) { scatter(page, len(page)) },
	"another page":  func(file, page []byte) { copy(page, file[rand.IntN(len(file)/len(page))*len(page):]) },
	"its header":    func(_, page []byte) { scatter(page[8:16], 1) },
	"its elements":  func(_, page []byte) { scatter(page[16:128], 3) },
	"a flipped bit": func(_, page []byte) { page[rand.IntN(len(page))] ^= 1 << rand.IntN(8) },
	"an id in it":   func(_, page []byte) { copy(page[24+16*rand.IntN(8):], []byte{byte(rand.IntN(16)), 0, 0, 0}) },
}

func scatter(b []byte, n int) {
	for range n {
		b[rand.IntN(len(b))] = byte(rand.Uint32())
	}
}

func TestADamagedFileIsRefusedOrWorksAndNeverPanics(t *testing.T) {
	path := newPath(t)
	one := sample(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keep := logtest.Generous
	keep.Events = 400
	refused, worked := 0, 0
	for name, damage := range damages {
		for round := range 25 {
			file := bytes.Clone(whole)
			at := round * pageSize // the first pages each time, then any
			if round >= 8 {
				at = rand.IntN(len(file)/pageSize) * pageSize
			}
			damage(file, file[at:at+pageSize])
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, keep)
			if err != nil {
				refused++
				if now, _ := os.ReadFile(path); !bytes.Equal(now, file) {
					t.Fatalf("%s in page %d: the file was refused (%v) and changed", name, at/pageSize, err)
				}
				continue
			}
			worked++
			useAll(t, s, one)
			if err := s.Close(); err != nil {
				t.Logf("%s in page %d: closing: %v", name, at/pageSize, err)
			}
		}
	}
	t.Logf("%d refused, %d opened", refused, worked)
	if refused == 0 || worked == 0 {
		t.Error("the test damages nothing, or everything")
	}
}

func TestAFileWithADamagedRootPageIsRefused(t *testing.T) {
	path := newPath(t)
	sample(t, path)
	roots := map[string]int{}
	edit(t, path, func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, indexBucket, topicsBucket} {
			roots[string(name)] = int(tx.Bucket(name).Root())
		}
		roots["a large topic"] = int(tx.Bucket(topicsBucket).Bucket([]byte("topic/19")).Root())
		return tx.Bucket(metaBucket).Put([]byte("more"), make([]byte, 2000)) // too much for the root's own page
	})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := readMeta(bytes.NewReader(file), pageSize)
	if err != nil {
		t.Fatal(err)
	}
	roots["root"], roots["free pages"] = int(meta.root), int(meta.freelist)
	edit(t, path, func(tx *bbolt.Tx) error { // the roots that the last transaction has moved
		roots["meta"] = int(tx.Bucket(metaBucket).Root())
		return nil
	})
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if meta, err = readMeta(bytes.NewReader(file), pageSize); err != nil {
		t.Fatal(err)
	}
	roots["root"], roots["free pages"] = int(meta.root), int(meta.freelist)
	for name, id := range roots {
		for _, with := range []byte{0, 0xA5, 0xFF} {
			damaged := bytes.Clone(file)
			copy(damaged[id*pageSize:], bytes.Repeat([]byte{with}, pageSize))
			wantRefused(t, path, damaged, "damaged")
			t.Logf("%s: page %d with %x", name, id, with)
		}
	}
	for _, at := range []int{0, pageSize} { // one meta page is enough
		damaged := bytes.Clone(file)
		clear(damaged[at : at+pageSize])
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, path, logtest.Generous)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	clear(file[:2*pageSize])
	wantRefused(t, path, file, "damaged")
}

// wantRefused writes a file, and wants it to be refused in such words, and left alone.
func wantRefused(t *testing.T, path string, file []byte, words ...string) {
	t.Helper()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, logtest.Generous)
	if err == nil {
		s.Close()
		t.Fatal("opened")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("refused with %q, which does not say %q", err, word)
		}
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, file) {
		t.Errorf("refused (%v) and changed", err)
	}
}

func TestDamageWhileRunningIsReportedAndNeverPanics(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, file *os.File, size int64){
		"every page is overwritten": func(t *testing.T, file *os.File, size int64) {
			for at := int64(0); at < size; at += 64 << 10 {
				if _, err := file.WriteAt(bytes.Repeat([]byte{0xA5}, 64<<10), at); err != nil {
					t.Fatal(err)
				}
			}
		},
		"all but the meta pages": func(t *testing.T, file *os.File, size int64) {
			if _, err := file.WriteAt(make([]byte, size-2*pageSize), 2*pageSize); err != nil {
				t.Fatal(err)
			}
		},
		"truncated": func(t *testing.T, file *os.File, size int64) {
			if err := file.Truncate(3 * pageSize); err != nil {
				t.Fatal(err)
			}
		},
		"emptied": func(t *testing.T, file *os.File, size int64) {
			if err := file.Truncate(0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			one := sample(t, path)
			s, err := Open(path, logtest.Generous)
			if err != nil {
				t.Fatal(err)
			}
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			info, _ := file.Stat()
			damage(t, file, info.Size())
			if _, err := s.Page(t.Context(), everything(t)); stream.AsError(err).Code != stream.Unavailable {
				t.Errorf("reading: %v, want unavailable", err)
			}
			if _, err := s.Append(t.Context(), one...); stream.AsError(err).Code != stream.Unavailable {
				t.Errorf("appending: %v, want unavailable", err)
			}
			if err := s.Ready(t.Context()); stream.AsError(err).Code != stream.Unavailable {
				t.Errorf("head: %v, want unavailable", err)
			}
			_ = s.Close()
		})
	}
}
