// Package peer has the other Go servers of the comparison, each run as a process of its own: GET /events/{topic} is the
// stream, POST publishes.
package peer

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxData limits an event's data, in bytes.
const maxData = 1 << 20

// floor is the minimum that any server must do: it takes connections over from net/http, and one goroutine per CPU
// makes one write(2) per client and event. It queues nothing, so it cuts off whoever cannot take a frame at once, and
// it keeps no history.
type floor struct {
	shards []chan work
	joined atomic.Uint64
	ids    atomic.Uint64
}

// work is a frame for the clients of a topic, or a client that joins.
type work struct {
	topic string
	frame []byte
	fd    int
	conn  net.Conn
	done  *sync.WaitGroup
}

// Floor returns the handler of the minimal server.
func Floor() http.Handler {
	f := &floor{}
	for range runtime.GOMAXPROCS(0) {
		shard := make(chan work, 64)
		f.shards = append(f.shards, shard)
		go deliver(shard)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events/{topic}", f.join)
	mux.HandleFunc("POST /events/{topic}", f.publish)
	return mux
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n" +
	"Connection: close\r\n\r\n: floor\n\n"

func (f *floor) join(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fd := -1
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = int(n) })
	}
	if err != nil {
		conn.Close()
		return
	}
	joined := &sync.WaitGroup{}
	joined.Add(1)
	shard := f.shards[f.joined.Add(1)%uint64(len(f.shards))]
	shard <- work{topic: r.PathValue("topic"), fd: fd, conn: conn, done: joined}
	joined.Wait()
	conn.Write([]byte(streamHead))
}

func (f *floor) publish(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxData))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	frame := fmt.Appendf(nil, "id: %d\ndata: %s\n\n", f.ids.Add(1), data)
	written := &sync.WaitGroup{}
	written.Add(len(f.shards))
	for _, shard := range f.shards {
		shard <- work{topic: r.PathValue("topic"), frame: frame, done: written}
	}
	written.Wait()
	w.WriteHeader(http.StatusCreated)
}

// client is a connection taken over from net/http. conn keeps it open, and its descriptor non-blocking.
type client struct {
	fd   int
	conn net.Conn
}

// deliver owns the clients of its shard.
func deliver(shard chan work) {
	topics := map[string][]client{}
	for w := range shard {
		if w.conn != nil {
			topics[w.topic] = append(topics[w.topic], client{w.fd, w.conn})
			w.done.Done()
			continue
		}
		clients := topics[w.topic]
		left := clients[:0]
		for _, c := range clients {
			if n, err := unix.Write(c.fd, w.frame); n == len(w.frame) && err == nil {
				left = append(left, c)
			} else {
				c.conn.Close()
			}
		}
		topics[w.topic] = left
		w.done.Done()
	}
}

// Serve serves h on address until it fails.
func Serve(address string, h http.Handler) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return http.Serve(l, h)
}
