// Package handover tests that a server is replaced by another one without a request refused or an event lost.
package handover

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.CalmMain(m) }

const (
	publishers = 50
	listeners  = 2000
	pause      = 100 * time.Millisecond // of a publisher, between two events
)

// crowd is what a server has to do with: publishers that count up, each on a topic of its own, and streams that check
// that they get every number, once and in order.
type crowd struct {
	t    testing.TB
	addr string
	said [publishers]atomic.Int64 // the last number acknowledged
	got  [listeners]atomic.Int64  // the last number received

	done       context.Context // publishers and streams end
	end        func()
	quiet      chan struct{} // closed when publishers are to stop
	publishing sync.WaitGroup
	listening  sync.WaitGroup
	resumed    atomic.Int64 // streams that were opened again
}

// gather brings a crowd to addr, and returns when all its streams are open.
func gather(t testing.TB, addr string) *crowd {
	t.Helper()
	c := &crowd{t: t, addr: addr, quiet: make(chan struct{})}
	c.done, c.end = context.WithCancel(t.Context())
	var opened sync.WaitGroup
	for n := range listeners {
		opened.Add(1)
		c.listening.Go(func() { c.listen(n, sync.OnceFunc(opened.Done)) })
		if n%100 == 99 { // a crowd, not an attack
			opened.Wait()
		}
	}
	for n := range publishers {
		c.publishing.Go(func() { c.publish(n) })
	}
	return c
}

// publish counts up until quiet. Whatever is not acknowledged fails the test.
func (c *crowd) publish(n int) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: harness.Patience}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for number := int64(1); ; number++ {
		response, err := client.Post(fmt.Sprintf("http://%s/events/count/%d", c.addr, n), "",
			strings.NewReader(strconv.FormatInt(number, 10)))
		if err != nil {
			c.t.Errorf("publisher %d: %v", n, err)
			return
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusCreated {
			c.t.Errorf("publisher %d: %s", n, response.Status)
			return
		}
		c.said[n].Store(number)
		select {
		case <-c.quiet:
			return
		case <-tick.C:
		}
	}
}

// listen follows one topic, and comes back whenever its stream ends well.
func (c *crowd) listen(n int, opened func()) {
	defer opened()
	position, retry := "", time.Second
	for attempt := 0; c.done.Err() == nil; attempt++ {
		if attempt > 0 {
			select {
			case <-c.done.Done():
				return
			case <-time.After(retry):
			}
		}
		body, leave, err := c.open(n%publishers, position)
		if err != nil {
			if c.done.Err() == nil {
				c.t.Errorf("listener %d: %v", n, err)
			}
			return
		}
		opened()
		if attempt > 0 {
			c.resumed.Add(1)
		}
		messages := sse.NewReader(body)
		m, err := messages.Next()
		for ; err == nil; m, err = messages.Next() {
			if number, _ := strconv.ParseInt(m.Data, 10, 64); m.Type != "" || number != c.got[n].Load()+1 {
				c.t.Errorf("listener %d: %q %q after %d", n, m.Type, m.Data, c.got[n].Load())
				leave()
				return
			}
			c.got[n].Add(1)
		}
		if err != io.EOF && c.done.Err() == nil {
			c.t.Errorf("listener %d: its stream ends with %v", n, err)
		}
		position, retry = messages.LastEventID(), messages.Retry()
		leave()
	}
}

// open opens a stream on a connection of its own.
func (c *crowd) open(topic int, position string) (io.Reader, func(), error) {
	conn, err := net.DialTimeout("tcp", c.addr, harness.Patience)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(c.done, func() { conn.Close() })
	leave := func() {
		stop()
		conn.Close()
	}
	resume := "Last-Event-ID: " + position + "\r\n"
	if position == "" {
		resume = ""
	}
	fmt.Fprintf(conn, "GET /events/count/%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n", topic, resume)
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", response.Status)
	}
	if err != nil {
		leave()
		return nil, nil, err
	}
	return response.Body, leave, nil
}

// hush has the publishers stop, and waits until every stream has what was published.
func (c *crowd) hush() {
	c.t.Helper()
	close(c.quiet)
	c.publishing.Wait()
	behind := func() (behind int) {
		for n := range c.got {
			if c.got[n].Load() < c.said[n%publishers].Load() {
				behind++
			}
		}
		return behind
	}
	harness.Eventually(c.t, "every stream has everything", func() bool { return c.t.Failed() || behind() == 0 })
	c.end()
	c.listening.Wait()
	c.t.Logf("each publisher had about %d events acknowledged; %d streams were opened again, %d were behind",
		c.said[0].Load(), c.resumed.Load(), behind())
}

// until waits until each publisher has so many more events acknowledged.
func (c *crowd) until(more int64) {
	c.t.Helper()
	wanted := c.said[0].Load() + more
	harness.Eventually(c.t, "publishers go on", func() bool { return c.t.Failed() || c.said[0].Load() >= wanted })
}
