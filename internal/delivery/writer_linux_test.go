package delivery

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// socketPair is a conn of the writer, and its client's end.
func socketPair(t *testing.T, w *writer) (*conn, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	client, server := os.NewFile(uintptr(fds[1]), "client"), os.NewFile(uintptr(fds[0]), "server")
	t.Cleanup(func() { client.Close() })
	defer server.Close()
	socket, err := net.FileConn(server)
	if err != nil {
		t.Fatal(err)
	}
	w.held.Add(1)
	return &conn{form: sse.Plain, writer: w, fd: -1, arrival: &arrival{net: socket}}, client
}

// piped is a connection whose handler writes to a pipe, and its writer to the socket.
type piped struct {
	net.Conn
	socket net.Conn
}

func (p piped) SyscallConn() (syscall.RawConn, error) { return p.socket.(syscall.Conn).SyscallConn() }

func (p piped) Close() error { return errors.Join(p.Conn.Close(), p.socket.Close()) }

// read reads what a client gets until it ends with last.
func read(t *testing.T, client *os.File, last string) string {
	t.Helper()
	client.SetReadDeadline(time.Now().Add(20 * time.Second))
	var got []byte
	for !bytes.HasSuffix(got, []byte(last)) {
		part := make([]byte, 1024)
		n, err := client.Read(part)
		if got = append(got, part[:n]...); err != nil {
			t.Fatalf("%v after %q", err, got)
		}
	}
	return string(got)
}

func TestAConnectionThatJoinsInTheMiddleOfABatchGetsTheRest(t *testing.T) {
	e := NewEngine(limits, metrics.New())
	defer e.Close(t.Context())
	w := e.writers[0]
	first, firstClient := socketPair(t, w)
	second, secondClient := socketPair(t, w)
	s := &share{}
	frame := func(data string) message { return message{kind: kindFrame, share: s, frame: []byte(data)} }
	w.post( // all in one pass
		message{kind: kindStart, conn: first, frames: [][]byte{[]byte("head ")}},
		message{kind: kindJoin, conn: first, share: s},
		message{kind: kindStart, conn: second, frames: [][]byte{[]byte("head "), []byte("one ")}},
		frame("one "), frame("two "),
		message{kind: kindJoin, conn: second, share: s},
		frame("three"),
	)
	if got := read(t, firstClient, "three"); got != "head one two three" {
		t.Errorf("the one that was there got %q", got)
	}
	if got := read(t, secondClient, "three"); got != "head one three" {
		t.Errorf("the one that joined got %q", got)
	}
}

func TestAClosedWriterAcceptsNothing(t *testing.T) {
	e := NewEngine(limits, metrics.New())
	w := e.writers[0]
	w.mu.Lock()
	w.closed = true // but it has not ended yet
	w.mu.Unlock()
	c, client := socketPair(t, w)
	arrived, far := net.Pipe()
	defer far.Close()
	c.arrival = &arrival{net: piped{arrived, c.arrival.net}, waiting: []byte("head ")}
	go c.Close()
	first := make([]byte, 1)
	if _, err := io.ReadFull(far, first); err != nil { // so that it is about to write the rest by itself
		t.Fatal(err)
	}
	e.Close(t.Context())
	if rest, err := io.ReadAll(far); err != nil || string(first)+string(rest) != "head " {
		t.Errorf("its handler wrote %q and %q, %v", first, rest, err)
	}
	client.SetReadDeadline(time.Now().Add(20 * time.Second))
	if got, err := io.ReadAll(client); err != nil || len(got) > 0 {
		t.Errorf("the writer wrote %q as well, %v", got, err)
	}
}

func TestAFrameForOneConnectionMakesRoomOnceItIsWritten(t *testing.T) {
	e := NewEngine(limits, metrics.New())
	defer e.Close(t.Context())
	w := &writer{load: &e.load}
	frame := make([]byte, muchBytes+1)
	e.load.queued.Add(int64(len(frame)))
	room := e.Behind()
	if room == nil {
		t.Fatal("not behind")
	}
	w.handle(&message{kind: kindAlone, conn: &conn{state: released}, frame: frame})
	select {
	case <-room:
	default:
		t.Error("whoever waits for room is not woken")
	}
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	const clients, events = 100, 200
	e := NewEngine(limits, metrics.New())
	defer e.Close(t.Context())
	news := stream.MustTopic("news")
	audiences := NewAudiences(e)
	audience := audiences.Of(sse.Plain, stream.Select(news))
	var sockets []*os.File
	buffer := make([]byte, 4096)
	readAll := func(n int) {
		for _, client := range sockets {
			if _, err := io.ReadFull(client, buffer[:n]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range clients {
		c, client := socketPair(t, e.idlest())
		client.SetReadDeadline(time.Now().Add(20 * time.Second))
		c.arrival.waiting = []byte("head")
		audiences.Join(audience, c, nil, false, stream.ID{})
		sockets = append(sockets, client)
	}
	audiences.Flush()
	readAll(len("head"))
	frames := make([]Frame, events)
	for i := range frames {
		id := stream.ID{Ms: 1000, Seq: uint64(1000 + i)}
		frames[i].Event = stream.Event{ID: id, Topic: news, Data: strings.Repeat("x", 100)}
	}
	round := func() {
		for i := range frames { // one by one: each is a write of its own
			audiences.Send(&frames[i])
			audiences.Flush()
			readAll(len(frames[i].Bytes(sse.Plain)))
		}
	}
	round() // grows what is used again and again
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	round()
	runtime.ReadMemStats(&after)
	each := float64(after.Mallocs-before.Mallocs) / (clients * events)
	if t.Logf("%.4f allocations a delivery", each); each > 0.2 {
		t.Error("that is too many")
	}
}
