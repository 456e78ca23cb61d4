package peer_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iris-broadcast/bench/internal/loadgen"
	"iris-broadcast/bench/internal/peer"
)

const (
	clients  = 50
	topics   = 2
	patience = 5 * time.Second
)

func TestEveryClientGetsEveryEventOfEachPeer(t *testing.T) {
	goSSE, err := peer.GoSSE(1000)
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"floor": peer.Floor(), "go-sse": goSSE, "r3labs": peer.R3labs()} {
		t.Run(name, func(t *testing.T) {
			pool, publish := trial(t, h)
			if err := publish.Paced(t.Context(), 4, 200, time.Second); err != nil {
				t.Fatal(err)
			}
			missing, err := pool.CatchUp(t.Context(), publish.Ledger, pool.Clients(), true, patience)
			got := pool.Take()
			if err != nil || missing != 0 || got.Stamped != 200*clients/topics || got.Doubled+got.Reordered != 0 {
				t.Errorf("missing %d (%v), got %+v", missing, err, got)
			}
			if got.Delay.TotalCount() != int64(got.Stamped) {
				t.Errorf("%d delays of %d events", got.Delay.TotalCount(), got.Stamped)
			}
		})
	}
}

func TestClientsThatComeBackGetWhatTheyMissed(t *testing.T) {
	h, err := peer.GoSSE(1000)
	if err != nil {
		t.Fatal(err)
	}
	pool, publish := trial(t, h)
	for _, act := range []func(){func() { pool.Cut(pool.Clients()) }, func() { connect(t, pool) }} {
		if err := publish.Spaced(t.Context(), 10, 0); err != nil {
			t.Fatal(err)
		}
		if pool.Connected() > 0 {
			catchUp(t, pool, publish)
		}
		act()
	}
	catchUp(t, pool, publish)
}

func TestAFullOrWrongServerIsNamed(t *testing.T) {
	for want, h := range map[string]http.HandlerFunc{
		"the server answers 404": http.NotFound,
		"the server is full": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "retry: 7000\n: full\n\n")
		},
	} {
		pool, _ := prepare(t, h)
		if err := pool.Connect(t.Context(), pool.Clients(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func catchUp(t *testing.T, pool *loadgen.Pool, publish *loadgen.Publishing) {
	t.Helper()
	missing, err := pool.CatchUp(t.Context(), publish.Ledger, pool.Clients(), true, patience)
	if got := pool.Take(); err != nil || missing != 0 || got.Doubled+got.Reordered != 0 {
		t.Fatalf("missing %d (%v), got %+v", missing, err, got)
	}
}

// trial is a server with connected clients, and what publishes to it.
func trial(t *testing.T, h http.Handler) (*loadgen.Pool, *loadgen.Publishing) {
	t.Helper()
	pool, publish := prepare(t, h)
	connect(t, pool)
	return pool, publish
}

func prepare(t *testing.T, h http.Handler) (*loadgen.Pool, *loadgen.Publishing) {
	t.Helper()
	server := httptest.NewServer(h)
	address := server.Listener.Addr().String()
	pool, err := loadgen.NewPool(address, 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool.Close()
		server.CloseClientConnections()
		server.Close()
	})
	path := func(topic int) string { return "/events/" + string(rune('a'+topic)) }
	for i := range clients {
		pool.Add(path(i%topics), i%topics)
	}
	return pool, &loadgen.Publishing{Address: address, Path: path, Size: 100, Ledger: loadgen.NewLedger(topics, 4)}
}

func connect(t *testing.T, pool *loadgen.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := pool.Connect(ctx, pool.Clients(), nil); err != nil {
		t.Fatal(err)
	}
	// go-sse lists a client a moment after its head has gone out, and nothing tells when.
	time.Sleep(200 * time.Millisecond)
}
