package commands

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// crowd publishes to a server, and comments, until it is stopped, and notes what was acknowledged.
type crowd struct {
	t     *testing.T
	s     *server
	mu    sync.Mutex
	acked []string // ids
	count atomic.Int64
	halt  chan struct{}
	all   sync.WaitGroup
}

func (s *server) crowd(t *testing.T) *crowd {
	c := &crowd{t: t, s: s, halt: make(chan struct{})}
	for n := range 12 {
		c.all.Go(func() { c.publish(n) })
	}
	return c
}

func (c *crowd) publish(n int) {
	for i := 0; ; i++ {
		select {
		case <-c.halt:
			return
		default:
		}
		path, kind, body := fmt.Sprintf("/events/news/%d", i%9), "text/plain", fmt.Sprintf("%d of %d", i, n)
		if n == 0 {
			path, kind, body = "/api/v1/comments", "application/json", `{"content":"`+body+`"}`
		}
		id, err := c.s.post(path, kind, body)
		if err != nil {
			c.t.Error(err)
			return
		}
		if c.count.Add(1); n > 0 {
			c.mu.Lock()
			c.acked = append(c.acked, id)
			c.mu.Unlock()
		}
	}
}

func (c *crowd) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.acked...)
}

func (c *crowd) stop() {
	close(c.halt)
	c.all.Wait()
}

func TestABackupUnderLoadIsTheStateOfOneMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, filepath.Join(dir, "store"))
	c := s.crowd(t)
	began := time.Now()
	harness.Eventually(t, "some are acknowledged", func() bool { return c.count.Load() > 3000 })
	before := c.ids()
	rate := float64(c.count.Load()) / time.Since(began).Seconds()
	said := do(t, s.store, "backup", filepath.Join(dir, "copy"))
	during := c.count.Load()
	harness.Eventually(t, "more are acknowledged", func() bool { return c.count.Load() > during+100 })
	c.stop()
	summary := regexp.MustCompile(`^Backed up ([\d,]+) events of \d+ topics up to (\d+-\d+) \(.*\) to `)
	match := summary.FindStringSubmatch(said)
	if match == nil {
		t.Fatalf("it said %q", said)
	}
	t.Logf("%.0f events a second; %s", rate, said)
	head := id(t, match[2])
	elsewhere := filepath.Join(dir, "elsewhere")
	do(t, elsewhere, "restore", filepath.Join(dir, "copy"))
	do(t, elsewhere, "check")
	kept := map[string]bool{}
	comments := 0
	for _, e := range parse(t, do(t, elsewhere, "export")) {
		if kept[e.ID] = true; head.Less(id(t, e.ID)) {
			t.Fatalf("%s came after the moment %v", e.ID, head)
		}
		if e.Topic == "comments" {
			comments++
		}
	}
	if fmt.Sprint(len(kept)) != strings.ReplaceAll(match[1], ",", "") {
		t.Errorf("%d events are kept, and it said %s", len(kept), match[1])
	}
	for _, acked := range before {
		if !kept[acked] {
			t.Fatalf("%s was acknowledged before, and is not in it", acked)
		}
	}
	later := ""
	for _, acked := range c.ids() {
		if is := id(t, acked); !head.Less(is) && !kept[acked] {
			t.Fatalf("%s came before the moment %v, and is not in it", acked, head)
		} else if head.Less(is) {
			later = acked
		}
	}
	restored := serve(t, elsewhere)
	board := restored.API("GET", "/api/v1/comments?limit=1", "")
	if board["total"] != float64(comments) || comments == 0 {
		t.Errorf("the board has %v comments, and there are %d events of them", board["total"], comments)
	}
	if list := restored.API("GET", "/events/news/1?since="+later, ""); list["gap"] == nil {
		t.Errorf("a client that had gone on to %s is told of no gap: %v", later, list)
	}
	if list := restored.API("GET", "/events/news/1?since="+head.String(), ""); list["gap"] != nil {
		t.Errorf("a client at the moment itself is told of a gap: %v", list)
	}
}

func TestAServerKeepsNothingOfWhatReadersHadOfIt(t *testing.T) {
	t.Parallel()
	s := serve(t, store(t, 20000, "some"))
	moments := func() int {
		found, _ := filepath.Glob(filepath.Join(s.store, "moment-*"))
		return len(found)
	}
	export := command(t, s.store, "export")
	out, _ := export.StdoutPipe()
	if err := export.Start(); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "there is a moment", func() bool { return moments() == 1 })
	out.Read(make([]byte, 1)) // and it waits for more to be read
	_ = export.Process.Kill()
	_ = export.Wait()
	harness.Eventually(t, "the moment is gone", func() bool { return moments() == 0 })
	// as if the server were killed meanwhile
	if err := os.Mkdir(filepath.Join(s.store, "moment-x"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	s = serve(t, s.store)
	if moments() != 0 {
		t.Error("a moment outlives the server")
	}
	do(t, s.store, "topics")
	harness.Eventually(t, "that of topics is gone", func() bool { return moments() == 0 })
}

func TestTheSocketIsTheOwnersAndWorksAtTheEndOfLongPaths(t *testing.T) {
	t.Parallel()
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30), "store")
	if err := os.MkdirAll(filepath.Dir(deep), 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(deep, "CONTROL")
	s := serve(t, deep)
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("%v, %v", info, err)
	}
	s.Publish("news", "x")
	said := do(t, deep, "topics", "-json")
	if !strings.HasPrefix(said, `{"topic":"news","events":1,"bytes":133,"newest":"`) {
		t.Errorf("topics: %s", said)
	}
	s.Kill()
	if _, err := os.Stat(socket); err != nil {
		t.Fatalf("the socket of a server that was killed: %v", err)
	}
	do(t, deep, "topics")
	s = serve(t, deep)
	do(t, deep, "topics")
	s.Stop()
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket of a server that has ended: %v", err)
	}
}

func TestAServerEndsWhileSomebodyReads(t *testing.T) {
	t.Parallel()
	s := serve(t, store(t, 20000, "some"))
	export := command(t, s.store, "export")
	out, _ := export.StdoutPipe()
	if err := export.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1))
	began := time.Now()
	s.Stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
	out.Close()
	_ = export.Wait()
	if answer, err := http.Get(s.URL + "/healthz"); err == nil {
		answer.Body.Close()
		t.Error("the server is still there")
	}
}
