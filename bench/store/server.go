package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/bench/internal/procfs"
)

// maxStreams is the servers' limit of streams, below the limit of open files.
const maxStreams = 19_000

// server is a running server.
type server struct {
	address string // host:port
	dir     string // of its store
	pid     int
	command *exec.Cmd
	output  *bytes.Buffer
	ready   time.Duration // from its start until it reported ready
	dead    chan struct{} // closed when it has ended; it is not yet reaped, so /proc still has it
	written int64         // bytes written when it was ready
	beside  []publisher   // of paced
}

// newDir is a folder for a store.
func (t *trial) newDir() (string, error) { return os.MkdirTemp(t.lab.dir, t.build.name+"-") }

// fresh starts a server on an empty store, which is removed after the trial.
func (t *trial) fresh(ctx context.Context, settings ...string) (*server, error) {
	dir, err := t.newDir()
	if err != nil {
		return nil, err
	}
	t.running = append(t.running, func() { os.RemoveAll(dir) })
	return t.start(ctx, dir, settings...)
}

// start starts a server and waits until it reports ready. It is ended with the trial at the latest.
func (t *trial) start(ctx context.Context, dir string, settings ...string) (*server, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{address: free.Addr().String(), dir: dir, output: &bytes.Buffer{}, dead: make(chan struct{})}
	free.Close()
	s.command = exec.Command(t.build.binary, append([]string{"-addr", s.address, "-store", t.build.store, "-demo=false",
		"-log-level", "warn", "-max-streams", strconv.Itoa(maxStreams)}, settings...)...)
	s.command.Dir, s.command.Stdout, s.command.Stderr = dir, s.output, s.output
	began := time.Now()
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.pid = s.command.Process.Pid
	go func() {
		for unix.Waitid(unix.P_PID, s.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		close(s.dead)
	}()
	t.running = append(t.running, s.kill)
	if err := s.untilReady(ctx); err != nil {
		s.kill()
		return nil, fmt.Errorf("start %s: %w\n%s", t.build.binary, err, s.output)
	}
	s.ready = time.Since(began)
	s.written, err = procfs.Written(s.pid)
	return s, err
}

func (s *server) untilReady(ctx context.Context) error {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if c, err := dial(s.address); err == nil {
			_, err = c.get("/readyz", "")
			c.Close()
			if err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.dead:
			return errors.New("it ended at once")
		case <-time.After(time.Millisecond):
		}
	}
	return errors.New("it does not get ready")
}

// stop ends the server gracefully, and returns how many bytes it has written since it was ready.
func (s *server) stop() (written int64, err error) {
	syscall.Kill(s.pid, syscall.SIGTERM)
	select {
	case <-s.dead:
	case <-time.After(30 * time.Second):
		return 0, errors.New("it did not end within 30 s")
	}
	written, err = procfs.Written(s.pid)
	return written - s.written, errors.Join(err, s.command.Wait())
}

// kill ends the server at once, if it still runs.
func (s *server) kill() {
	if s.command.ProcessState == nil {
		s.command.Process.Kill()
		s.command.Wait()
	}
}
