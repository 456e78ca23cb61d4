// Package model compares the server with a model of it: a log that is known event by event, and clients that are cut
// off and come back. A client gets each event that it reads once and in order, or a gap that covers it, and no other
// gap.
package model

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"iris-broadcast/internal/stream"
	"iris-broadcast/tests/harness"
)

// What the clients read, and what is published.
var (
	selections = [][]string{
		{"a"}, {"b", "c/*"}, {"*"}, {"c/1", "a", "d/*"}, {"c/1", "c/*"}, {"quiet", "b", "d/x/*"}, {"never", "a"}}
	topics = []string{"a", "a", "a", "b", "c/1", "c/1", "c/2", "d/x/y", "d/z"}
)

const rounds, publishers, each, visits = 5, 4, 25, 6

// world is one run of the model.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	dir     string // of the store, "" for memory
	args    []string
	size    int // of an event's data, at most
	tr      *truth
	clients []*client
	copies  []copied
	next    int // number of the next event
	lives   int
}

// copied is a copy of the store, and what is in it.
type copied struct {
	dir string
	tr  *truth
}

func newWorld(t *testing.T, disk bool, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), args: []string{"-store", "memory"}}
	if disk {
		w.dir = filepath.Join(t.TempDir(), "store")
		w.args = []string{"-store", "pebble:" + w.dir}
	}
	keep, bytes := 4+w.rng.IntN(10), int64(1<<40)
	if w.size = 40; w.rng.IntN(3) == 0 {
		keep, bytes, w.size = 1<<20, 1<<20, 30<<10
		w.args = append(w.args, "-keep-bytes", "1MiB")
	}
	w.args = append(w.args, "-keep-events", strconv.Itoa(keep))
	w.tr = newTruth(keep, bytes)
	for i, names := range selections {
		c := &client{name: fmt.Sprintf("client %d of %q", i, names), names: names,
			envelope: w.rng.IntN(2) == 0, all: w.rng.IntN(2) == 0,
			rng: rand.New(rand.NewPCG(seed, uint64(i)+2)), ends: map[string]bool{}}
		w.clients = append(w.clients, c)
	}
	w.life("anew", stream.ID{})
	return w
}

// life has the clients know that the log has another life.
func (w *world) life(kind string, head stream.ID) {
	w.lives++
	for _, c := range w.clients {
		c.tr = w.tr
		c.journal = append(c.journal, entry{kind: kind, fact: fact{id: head}, truth: w.tr})
	}
}

// round has many publish and the clients come and go, until the server stops, perhaps in the midst of it.
func (w *world) round(s *server) {
	kill := w.rng.IntN(2) == 0
	stopAt := w.tr.count() + w.rng.IntN(2*publishers*each) // perhaps never
	var crowd sync.WaitGroup
	stop := sync.OnceFunc(func() { s.stop(kill) })
	for range publishers {
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), 0))
		first := w.next
		w.next += each
		crowd.Go(func() {
			for n := range each {
				topic, size := topics[rng.IntN(len(topics))], rng.IntN(w.size)
				if !w.publish(s, topic, fmt.Sprint(first+n, " ", strings.Repeat("x", size))) {
					return
				}
				if w.tr.count() >= stopAt {
					stop()
				}
			}
		})
	}
	for _, c := range w.clients {
		crowd.Go(func() {
			for range visits {
				if err := c.visit(w.t.Context(), s, c.rng.IntN(6*w.size+600)); err != nil && c.failed(err) {
					w.t.Error(err)
				}
			}
		})
	}
	crowd.Wait()
	stop()
	s.over(kill)
}

// failed says whether an error is none of a server that has stopped.
func (c *client) failed(err error) bool {
	_, network := err.(*url.Error)
	return !network
}

// publish says whether the server took an event.
func (w *world) publish(s *server, topic, text string) bool {
	data := topic + " " + text
	response, err := s.clients[0].Post(s.URL+"/events/"+topic, "text/plain", strings.NewReader(data))
	if err != nil {
		w.tr.doubt(topic, data)
		return false
	}
	defer response.Body.Close()
	var answer struct{ ID string }
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusCreated || err != nil || json.Unmarshal(body, &answer) != nil {
		w.tr.doubt(topic, data)
		return false
	}
	id, err := stream.ParseID(answer.ID)
	if err == nil {
		err = w.tr.learn(fact{id, topic, data})
	}
	if err != nil {
		w.t.Error(err)
	}
	return err == nil
}

// between is what happens to the store while the server is away. It says whether a copy has taken its place.
func (w *world) between() (back bool) {
	if w.dir == "" {
		return false
	}
	if len(w.copies) > 0 && w.rng.IntN(2) == 0 {
		c := w.copies[w.rng.IntN(len(w.copies))]
		w.must(os.RemoveAll(w.dir))
		w.must(os.CopyFS(w.dir, os.DirFS(c.dir)))
		w.tr.settle()
		w.tr = c.tr.clone()
		return true
	}
	if w.rng.IntN(2) == 0 {
		c := copied{w.dir + "-" + strconv.Itoa(len(w.copies)), w.tr.clone()}
		w.must(os.RemoveAll(filepath.Join(w.dir, "CONTROL"))) // a socket, which a server that was killed leaves
		w.must(os.CopyFS(c.dir, os.DirFS(w.dir)))
		w.copies = append(w.copies, c)
	}
	return false
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// begin starts the server, and compares what it has with what it must have.
func (w *world) begin(back bool) *server {
	s := start(w.t, w.rng.IntN(2) == 0, w.args...)
	if w.dir == "" && w.next > 0 {
		w.tr.settle()
		w.tr = newTruth(w.tr.keepEvents, w.tr.keepBytes)
	}
	listed, head := w.list(s)
	for _, err := range w.tr.check(listed) {
		w.t.Error(err)
	}
	switch {
	case w.next == 0:
	case w.dir == "":
		w.life("anew", head)
	case back:
		w.life("back", head)
	}
	return s
}

// list is all that the server has, and where its list ends.
func (w *world) list(s *server) (listed []fact, head stream.ID) {
	for since, more := "all", true; more; {
		path := fmt.Sprint("/events?topic=*&limit=", 1+w.rng.IntN(99), "&since=", since)
		request, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
		w.must(err)
		request.Header.Set("Accept", "application/json")
		response, err := s.clients[0].Do(request)
		w.must(err)
		var page struct {
			Events []struct{ ID, Topic, Data string }
			Next   string
			More   bool
		}
		w.must(json.NewDecoder(response.Body).Decode(&page))
		response.Body.Close()
		for _, e := range page.Events {
			id, err := stream.ParseID(e.ID)
			w.must(err)
			listed = append(listed, fact{id, e.Topic, e.Data})
		}
		head, err = stream.ParseID(page.Next)
		w.must(err)
		since, more = page.Next, page.More
	}
	return listed, head
}

// finish publishes the last event of each topic, and has the clients read up to it.
func (w *world) finish(s *server) {
	last := map[string]bool{}
	for _, topic := range topics {
		if !last[topic] && !w.publish(s, topic, "end") {
			w.t.Fatal("the last events are not taken")
		}
		last[topic] = true
	}
	var crowd sync.WaitGroup
	for _, c := range w.clients {
		crowd.Go(func() {
			ctx, cancel := context.WithTimeout(w.t.Context(), harness.Patience)
			defer cancel()
			for !c.has(last) {
				if err := c.visit(ctx, s, 1<<20); err != nil {
					w.t.Errorf("%s: %v", c.name, err)
					return
				}
			}
		})
	}
	crowd.Wait()
	s.stop(false)
	s.over(false)
	w.tr.settle()
}

// has reports whether the client has the last event of each topic that it reads. One that has no position yet comes too
// late.
func (c *client) has(last map[string]bool) bool {
	if c.lastID == "" {
		c.all = true
	}
	for topic := range last {
		if taken(c.names, topic) && !c.ends[topic] {
			return false
		}
	}
	return true
}

func (w *world) run() {
	s := w.begin(false)
	for range rounds {
		w.round(s)
		s = w.begin(w.between())
	}
	w.finish(s)
	events, gaps := 0, 0
	for _, c := range w.clients {
		r := &replay{client: c}
		for i, err := range r.run() {
			if i < 5 {
				w.t.Error(err)
			}
		}
		events, gaps = events+len(r.got), gaps+r.gaps
	}
	w.t.Logf("%q: %d lives, %d events got, %d gaps told", w.args, w.lives, events, gaps)
}

// TestTheServerKeepsToTheModel runs some seeds; TEST_BROADCAST_LONG=1 has it run many, TEST_BROADCAST_SEED one.
func TestTheServerKeepsToTheModel(t *testing.T) {
	first, n := uint64(1), uint64(3)
	if os.Getenv("TEST_BROADCAST_LONG") != "" {
		n = 40
	}
	if seed, err := strconv.ParseUint(os.Getenv("TEST_BROADCAST_SEED"), 10, 64); err == nil {
		first, n = seed, 1
	}
	for seed := first; seed < first+n; seed++ {
		for store, disk := range map[string]bool{"memory": false, "pebble": true} {
			t.Run(fmt.Sprint(store, " ", seed), func(t *testing.T) {
				t.Parallel()
				newWorld(t, disk, seed).run()
			})
		}
	}
}
