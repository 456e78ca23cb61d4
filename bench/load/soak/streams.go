package soak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"iris-broadcast/bench/internal/loadgen"
)

// The load on a server: some 350 streams that are checked, and up to -max-streams in all. Sizes in bytes, rates in
// events a second.
const (
	steadyClients, steadyTopics, steadySize, steadyRate = 304, 4, 200, 80
	bulkClients, bulkSize, bulkRate                     = 14, 60 << 10, 20
	allClients                                          = 6
	publishers                                          = 4

	churners = 80 // of steady: they leave and come back
	stallers = 8  // of bulk: they stop reading

	crowd    = 120             // come at once, too many for -max-streams
	inflight = 100             // handshakes at a time
	patience = 5 * time.Second // how long nothing may come before what is missing counts as lost
)

// group is streams that are checked, and what is published to them.
type group struct {
	pool       *loadgen.Pool
	ledger     *loadgen.Ledger
	publishing *loadgen.Publishing
}

// newGroup makes clients, of the topics in turn; path is where client i of a topic reads. Over TLS half of the clients
// use HTTP/1.1 and the others share connections of HTTP/2.
func newGroup(s *server, topics, size, clients int, path func(i, topic int) string) (*group, error) {
	pool, err := loadgen.NewPool(s.address, inflight)
	if err != nil {
		return nil, err
	}
	g := &group{pool: pool, ledger: loadgen.NewLedger(topics, publishers)}
	pool.Since = loadgen.Now()
	if s.kind.tls {
		old, shared := s.client(false), []*http.Client{s.client(true), s.client(true)}
		pool.URL = s.url
		pool.Web = func(client int) *http.Client {
			if client%2 == 0 {
				return old
			}
			return shared[client/2%len(shared)]
		}
	}
	for i := range clients {
		pool.Add(path(i, i%topics), i%topics)
	}
	g.publishing = &loadgen.Publishing{Address: s.address, Size: size, Ledger: g.ledger,
		Path: func(topic int) string { return path(0, topic) }}
	if s.kind.tls {
		g.publishing.TLS = s.files.Client.Clone()
	}
	return g, nil
}

// publish publishes at a rate, on all topics together, until the length is over or ctx ends.
func (g *group) publish(ctx context.Context, n int, rate float64, length time.Duration) error {
	return g.publishing.Paced(ctx, n, rate, length)
}

// settle has all clients come back, waits for what they have still to receive, and adds up what they lost.
func (g *group) settle(ctx context.Context, r *Result, faults *faults) error {
	checked := g.pool.Since < 1<<62
	clients := g.pool.Clients()
	g.pool.Resume(clients)
	within, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := g.pool.Connect(within, clients, nil); err != nil { // those that were away when the time was over
		faults.note(fmt.Errorf("not all streams came back: %w", err))
	}
	if checked {
		behind, err := g.pool.CatchUp(ctx, g.ledger, clients, true, patience)
		if err != nil {
			return err
		}
		r.Missing += behind
	}
	got := g.pool.Take()
	if r.DelayP50 == 0 && got.Stamped > 0 { // the first group is that of the small events
		r.DelayP50 = float64(got.Delay.ValueAtQuantile(50)) / 1e6
		r.DelayP90 = float64(got.Delay.ValueAtQuantile(90)) / 1e6
	}
	r.Published += g.ledger.Published()
	r.Received += got.Events
	r.Doubled += got.Doubled
	r.Gaps += got.Gaps
	r.Reordered += got.Reordered + got.Fallen
	if refused, err := g.publishing.Refused(); refused > 0 {
		faults.note(fmt.Errorf("%d events refused, the last: %w", refused, err))
	}
	return nil
}

// publishBulk publishes large events in the first half of each cycle.
func (s *site) publishBulk(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		s.note(ctx, s.bulk.publish(ctx, 2, bulkRate, s.cycle/2))
		pause(ctx, s.cycle-time.Since(began))
	}
}

// churn makes checked clients leave and return with their position, stop reading until they are disconnected, and in
// the last quarter of each cycle, when all are back, has a crowd come for which there is no room.
func (s *site) churn(ctx context.Context) {
	leaving := s.steady.pool.Clients()[steadyClients-churners:]
	stalling := s.bulk.pool.Clients()[:stallers]
	const steps, stalled = 16, 5
	step := s.cycle / 24
	for ctx.Err() == nil {
		began := time.Now()
		s.stall(ctx, stalling)
		for i := range steps {
			some := leaving[i%8*churners/8 : (i%8+1)*churners/8]
			s.steady.pool.Cut(some)
			if !pause(ctx, step) {
				return
			}
			s.note(ctx, s.steady.pool.Connect(ctx, some, nil))
			s.returned.Add(int64(len(some)))
			if i == stalled {
				s.bulk.pool.Resume(stalling)
			}
		}
		if !pause(ctx, 2*step) {
			return
		}
		s.gather(ctx, 2*step)
		pause(ctx, s.cycle-time.Since(began))
	}
}

// stall has clients connect anew and read nothing.
func (s *site) stall(ctx context.Context, clients []*loadgen.Client) {
	s.bulk.pool.Cut(clients)
	s.bulk.pool.Pause(clients)
	s.note(ctx, s.bulk.pool.Connect(ctx, clients, nil))
}

// gather opens more streams than the server allows, and leaves. All must be answered.
func (s *site) gather(ctx context.Context, stay time.Duration) {
	var conns []net.Conn
	for range crowd {
		conn, err := s.dial(ctx)
		if err != nil {
			s.note(ctx, fmt.Errorf("crowd: %w", err))
			continue
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /events/steady/0 HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
			s.server.address)
		conns = append(conns, conn)
	}
	var first [12]byte
	for _, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadFull(conn, first[:]); err != nil {
			s.note(ctx, fmt.Errorf("crowd: %w", err))
		} else if string(first[:]) != "HTTP/1.1 200" {
			s.note(ctx, fmt.Errorf("crowd: %q", first))
		}
	}
	pause(ctx, stay)
}
