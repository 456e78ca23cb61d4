package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// entry is what has happened to a client.
type entry struct {
	kind   string // begin, event or gap; or of the log: anew, or back at a copy
	fact          // an event; else the id alone: of another life the head with which it began
	since  stream.ID
	oldest stream.ID
	names  []string
	all    bool   // begin: with what there is, else with what comes
	truth  *truth // of another life
}

// client is cut off again and again, and comes back to where it was.
type client struct {
	name     string
	names    []string // topics, then patterns
	envelope bool
	all      bool // it begins with what there is, else with what comes
	rng      *rand.Rand
	tr       *truth // of the log's present life

	lastID  string
	journal []entry
	ends    map[string]bool // the topics whose last event it has
}

// visit connects, reads up to that many bytes, or until nothing comes any more, and is cut off.
func (c *client) visit(ctx context.Context, s *server, bytes int) error {
	query := url.Values{"topic": c.names}
	if c.envelope {
		query.Set("envelope", "1")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "", nil)
	if err != nil {
		return err
	}
	switch {
	case c.lastID == "" && c.all:
		query.Set("since", "all")
	case c.lastID != "" && c.rng.IntN(2) == 0:
		query.Set("since", c.lastID)
	case c.lastID != "":
		request.Header.Set("Last-Event-ID", c.lastID)
	}
	if request.URL, err = url.Parse(s.URL + "/events?" + query.Encode()); err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := s.clients[c.rng.IntN(len(s.clients))].Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	return c.read(cutOff(response.Body, bytes))
}

// cutOff is up to that many bytes of a stream, or what came before it said that nothing happens.
func cutOff(body io.Reader, most int) []byte {
	var got bytes.Buffer
	part := make([]byte, 512)
	for got.Len() < most {
		n, err := body.Read(part[:min(len(part), most-got.Len())])
		got.Write(part[:n])
		if err != nil || bytes.Contains(got.Bytes()[max(0, got.Len()-n-9):], []byte("heartbeat")) {
			break
		}
	}
	return got.Bytes()
}

// read notes what a connection has brought.
func (c *client) read(got []byte) error {
	if c.lastID == "" {
		if err := c.begin(got); err != nil {
			return err
		}
	}
	messages := sse.NewReader(bytes.NewReader(got))
	for {
		m, err := messages.Next()
		if id := messages.LastEventID(); id != "" {
			c.lastID = id
		}
		if err != nil { // cut off
			return nil
		}
		if err := c.note(m); err != nil {
			return fmt.Errorf("%s: %+v: %v", c.name, m, err)
		}
	}
}

// begin notes where the stream says that it begins.
func (c *client) begin(got []byte) error {
	head, _, whole := bytes.Cut(got, []byte("\n\n"))
	_, line, found := bytes.Cut(head, []byte("\nid: "))
	if !whole {
		return nil
	}
	id, err := stream.ParseID(string(line))
	if !found || err != nil {
		return fmt.Errorf("%s: begins with %q", c.name, head)
	}
	c.journal = append(c.journal, entry{kind: "begin", fact: fact{id: id}, all: c.all})
	return nil
}

// note notes one message.
func (c *client) note(m sse.Message) error {
	id, err := stream.ParseID(m.ID)
	if err != nil || m.Type == "ready" || m.Type == "heartbeat" {
		return err
	}
	if m.Type == "gap" {
		var g struct {
			Since, Oldest string
			Topics        []string
		}
		err := json.Unmarshal([]byte(m.Data), &g)
		since, err1 := stream.ParseID(g.Since)
		oldest, err2 := stream.ParseID(g.Oldest)
		c.journal = append(c.journal,
			entry{kind: "gap", fact: fact{id: id}, since: since, oldest: oldest, names: g.Topics})
		return errors.Join(err, err1, err2)
	}
	f := fact{id: id, data: m.Data}
	f.topic, _, _ = strings.Cut(m.Data, " ")
	if c.envelope {
		var e struct{ ID, Topic, Data string }
		err = json.Unmarshal([]byte(m.Data), &e)
		f.topic, f.data = e.Topic, e.Data
		if e.ID != m.ID || !strings.HasPrefix(e.Data, e.Topic+" ") {
			return fmt.Errorf("the envelope is of another event: %v", err)
		}
	}
	c.journal = append(c.journal, entry{kind: "event", fact: f})
	if strings.HasSuffix(f.data, " end") {
		c.ends[f.topic] = true
	}
	return c.tr.learn(f)
}
