package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iris-broadcast/internal/delivery"
)

// pipe is a listener for connections in memory.
type pipe struct{ waiting chan net.Conn }

func (p pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p.waiting; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipe) Close() error {
	close(p.waiting)
	return nil
}

func (p pipe) Addr() net.Addr { return local{}.RemoteAddr() }

// local is a connection whose peer seems to be on this machine.
type local struct{ net.Conn }

func (local) LocalAddr() net.Addr  { return local{}.RemoteAddr() }
func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func TestABodyHas10SecondsAndOneMoreForEach64KiB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, _ := newSite(t, 128<<10)
		client, conn := net.Pipe()
		server := &http.Server{Handler: handler}
		defer server.Close()
		listener := pipe{make(chan net.Conn, 1)}
		listener.waiting <- local{conn}
		go server.Serve(listener)
		began := time.Now()
		go io.WriteString(client, "POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal")
		response, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(response.Body)
		const status = http.StatusRequestTimeout
		if response.StatusCode != status || !strings.Contains(string(said), "within 12s") || err != nil {
			t.Errorf("half a body is answered %s %s, %v", response.Status, said, err)
		}
		if took := time.Since(began); took != 12*time.Second {
			t.Errorf("it is answered after %v, want 12s", took)
		}
		client.Close()
	})
}

// closing is a pipe that hands over one more connection after it was closed, as a socket may.
type closing struct{ pipe }

func (closing) Close() error { return nil }

func TestAConnectionThatIsAcceptedAtTheVeryEndIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, _ := newSite(t, 1<<10)
		server, err := NewServer(handler, "", "", Limits{Limits: delivery.Limits{Heartbeat: time.Minute},
			Conns: 10, TakenOver: func() int { return 0 }})
		if err != nil {
			t.Fatal(err)
		}
		listener := closing{pipe{make(chan net.Conn)}}
		go server.ServeOn(listener)
		finished := make(chan struct{})
		go func() {
			server.Finish(time.Minute)
			close(finished)
		}()
		synctest.Wait()
		select {
		case <-finished:
			t.Fatal("it does not wait for whatever is being accepted")
		default:
		}
		client, conn := net.Pipe()
		defer client.Close()
		listener.waiting <- local{conn}
		close(listener.waiting)
		go io.WriteString(client, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || response.StatusCode != http.StatusNotFound {
			t.Errorf("it is answered %v, %v", response, err)
		}
		<-finished
	})
}
