package bolt

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

// publishEnv names the store to publish to in a process of its own.
const publishEnv = "BOLT_TEST_PUBLISH"

func TestMain(m *testing.M) {
	golog.SetLevel("disable") // the tests are about what goes wrong
	if path := os.Getenv(publishEnv); path != "" {
		publishUntilKilled(path)
	}
	os.Exit(m.Run())
}

// publishers is how many of them write flat out, each to a topic of its own.
const publishers = 4

func crashTopic(p int) stream.Topic { return stream.MustTopic(fmt.Sprint("publisher/", p)) }

// publishUntilKilled prints the topic's number, the ID and the data of each event that was acknowledged.
func publishUntilKilled(path string) {
	s, err := Open(path, roomy)
	if err != nil {
		fmt.Println("cannot open:", err)
		os.Exit(1)
	}
	round := os.Getpid()
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for i := 0; ; i++ {
				e := stream.Event{Topic: crashTopic(p), Data: fmt.Sprintf("%d/%d", round, i)}
				e.ID = must(s.Append(context.Background(), e))[0]
				fmt.Fprintf(os.Stdout, "%d %v %s\n", p, e.ID, e.Data) // one write, so that a line is whole or not there
			}
		})
	}
	publishing.Wait()
}

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	path := newPath(t)
	acknowledged := make([][]stream.Event, publishers)
	position := make([]stream.ID, publishers) // of a reader of each topic that comes back after each crash
	seen := make([]map[stream.ID]string, publishers)
	for p := range seen {
		seen[p] = map[stream.ID]string{}
	}
	for round := range 10 {
		for p, events := range killWhilePublishing(t, path) {
			acknowledged[p] = append(acknowledged[p], events...)
		}
		s := openStore(t, path, roomy)
		for p := range publishers {
			position[p] = readOn(t, s, crashTopic(p), position[p], seen[p])
			for _, e := range acknowledged[p] {
				if data, ok := seen[p][e.ID]; !ok || data != e.Data {
					t.Fatalf("round %d: %v %q of %v was acknowledged and is now %q", round, e.ID, e.Data, e.Topic, data)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for p, events := range acknowledged {
		t.Logf("topic %d: %d acknowledged, %d stored", p, len(events), len(seen[p]))
	}
}

// readOn reads what came after a position, and wants it in order, each once, and without a gap.
func readOn(t *testing.T, s *Store, topic stream.Topic, after stream.ID, seen map[stream.ID]string) stream.ID {
	t.Helper()
	data := map[string]bool{}
	for {
		page, err := s.Page(t.Context(), stream.Query{Topics: stream.Select(topic), After: after, Limit: stream.MaxPage})
		if err != nil || page.Gap != nil {
			t.Fatalf("reading on after %v: gap %v, error %v", after, page.Gap, err)
		}
		last := after
		for _, e := range page.Events {
			if !last.Less(e.ID) || data[e.Data] {
				t.Fatalf("%v %q after %v: out of order, or twice", e.ID, e.Data, last)
			}
			last, data[e.Data], seen[e.ID] = e.ID, true, e.Data
		}
		if after = page.End(); !page.More {
			return after
		}
	}
}

// killWhilePublishing runs a process that publishes, kills it, and returns what was acknowledged to each publisher.
func killWhilePublishing(t *testing.T, path string) [publishers][]stream.Event {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), publishEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged [publishers][]stream.Event
	var kill *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if kill == nil {
			kill = time.AfterFunc(time.Duration(20+rand.IntN(200))*time.Millisecond, func() { _ = child.Process.Kill() })
		}
		var p int
		var id, data string
		if _, err := fmt.Sscan(lines.Text(), &p, &id, &data); err != nil {
			t.Fatalf("the publishing process says %q", lines.Text())
		}
		acknowledged[p] = append(acknowledged[p], stream.Event{ID: must(stream.ParseID(id)), Topic: crashTopic(p), Data: data})
	}
	if err := child.Wait(); kill == nil || !strings.Contains(fmt.Sprint(err), "killed") {
		t.Fatalf("the publishing process ended by itself: %v", err)
	}
	return acknowledged
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
