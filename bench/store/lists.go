package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"iris-broadcast/bench/internal/procfs"
)

const (
	bigData  = 64 << 10 // bytes, of 1,000 events
	idlers   = 200
	tooMuch  = 6 << 30 // bytes resident, at which a server is ended
	idleTime = 8 * time.Second
)

// lists lets clients ask for long lists that they do not read.
func lists(ctx context.Context, t *trial) error {
	s, err := t.fresh(ctx, roomy...)
	if err != nil {
		return err
	}
	if err := fillBig(ctx, s); err != nil {
		return err
	}
	o, err := s.paced().during(ctx, 4*time.Second)
	if err != nil {
		return err
	}
	t.set("quiet p50", o.millis(50))
	t.set("quiet p99", o.millis(99))
	t.set("before", float64(procfs.Memory([]int{s.pid}))/(1<<20))
	if err := procfs.ResetPeak(s.pid); err != nil {
		t.note("the peak is since the start: %v", err)
	}
	most, stop := s.watchMemory()
	o, err = s.paced().beside(ctx, func(ctx context.Context) error {
		for range idlers {
			c, err := idleClient(s.address, "/events/big?since=all&limit=1000")
			if err != nil {
				return err
			}
			defer c.Close()
		}
		return pause(ctx, idleTime)
	})
	stop()
	t.set("peak", float64(max(procfs.Peak(s.pid), most.Load()))/(1<<20))
	if most.Load() > tooMuch {
		return errors.New("ended, since it took too much memory")
	}
	if err == nil {
		t.set("p50", o.millis(50))
		t.set("p99", o.millis(99))
	}
	return err
}

// fillBig publishes the lists' events.
func fillBig(ctx context.Context, s *server) error {
	data := bytes.Repeat([]byte{'x'}, bigData)
	for at := range data {
		data[at] = noise[at%len(noise)]
	}
	fill := load{address: s.address, workers: 4, most: 1000, do: func(c *conn, _ int, _ int64) error {
		_, err := c.post("/events/big", data)
		return err
	}}
	_, err := fill.run(ctx)
	return err
}

// watchMemory ends the server before it uses up the machine's memory.
func (s *server) watchMemory() (most *atomic.Int64, stop func()) {
	most = &atomic.Int64{}
	ending := make(chan struct{})
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ending:
				return
			case <-s.dead:
				return
			case <-tick.C:
			}
			if n := procfs.Memory([]int{s.pid}); n > most.Load() {
				if most.Store(n); n > tooMuch {
					syscall.Kill(s.pid, syscall.SIGKILL)
				}
			}
		}
	}()
	return most, func() { close(ending) }
}

// idleClient asks for a list and reads nothing of it.
func idleClient(address, path string) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		controlErr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
		})
		return errors.Join(controlErr, err)
	}}
	c, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n\r\n", path, address)
	return c, err
}
