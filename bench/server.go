package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"iris-broadcast/bench/internal/procfs"
)

// historyEvents is how many events each server keeps per topic, at least as many as any case replays. (r3labs keeps
// all.)
const historyEvents = 10000

// maxStreams is the servers' limit of streams, below their open-file limit.
const maxStreams = 19000

// kind is one of the servers under comparison.
type kind struct {
	name    string
	tls     bool // the case tls alone
	http2   bool
	history bool // replays on Last-Event-ID
	command func(l *lab, address, dir string) (*exec.Cmd, error)
}

var kinds = []kind{
	{name: "ours", history: true, command: oursCommand},
	{name: "before", history: true, command: beforeCommand}, // with -against alone
	{name: "ours-tls", history: true, tls: true, command: oursTLSCommand},
	{name: "ours-h2", history: true, tls: true, http2: true, command: oursTLSCommand},
	{name: "floor", command: peerCommand("floor")},
	{name: "nchan", history: true, command: nchanCommand},
	{name: "go-sse", history: true, command: peerCommand("go-sse")},
	{name: "r3labs", history: true, command: peerCommand("r3labs")},
}

func serverNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

func oursCommand(l *lab, address, dir string) (*exec.Cmd, error) {
	command := exec.Command(filepath.Join(l.dir, "ours"), "-addr", address, "-store", "memory", "-demo=false",
		"-log-level", "warn", "-max-streams", strconv.Itoa(maxStreams), "-keep-events", strconv.Itoa(historyEvents))
	return command, nil
}

// beforeCommand runs another build of this server.
func beforeCommand(l *lab, address, dir string) (*exec.Cmd, error) {
	command, err := oursCommand(l, address, dir)
	command.Path = l.options.against
	return command, err
}

func oursTLSCommand(l *lab, address, dir string) (*exec.Cmd, error) {
	command, err := oursCommand(l, address, dir)
	command.Args = append(command.Args, "-tls-cert", l.certificate.Cert, "-tls-key", l.certificate.Key)
	return command, err
}

func peerCommand(name string) func(*lab, string, string) (*exec.Cmd, error) {
	return func(_ *lab, address, _ string) (*exec.Cmd, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return exec.Command(self, servePeer, name, address), nil
	}
}

// process is a running server.
type process struct {
	kind    kind
	address string // host:port
	command *exec.Cmd
	output  *bytes.Buffer
	ended   chan struct{}
	dir     string
}

// start starts a server on a free port, and waits until it listens.
func (l *lab) start(ctx context.Context, k kind) (*process, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	free.Close()
	dir, err := os.MkdirTemp(l.dir, k.name+"-")
	if err != nil {
		return nil, err
	}
	command, err := k.command(l, address, dir)
	if err != nil {
		return nil, err
	}
	p := &process{kind: k, address: address, command: command, output: &bytes.Buffer{}, ended: make(chan struct{}),
		dir: dir}
	command.Dir, command.Stdout, command.Stderr = dir, p.output, p.output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", k.name, err)
	}
	go func() {
		command.Wait()
		close(p.ended)
	}()
	if err := p.listens(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w\n%s", k.name, err, p.output)
	}
	return p, nil
}

// listens waits until the server accepts connections.
func (p *process) listens(ctx context.Context) error {
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", p.address); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.ended:
			return errors.New("it ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("it does not listen")
}

// pids is the server's processes.
func (p *process) pids() []int { return procfs.Tree(p.command.Process.Pid) }

// stop ends the server, by force if it takes long: its shutdown is not measured.
func (p *process) stop() {
	group := -p.command.Process.Pid
	syscall.Kill(p.command.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(500 * time.Millisecond):
	}
	syscall.Kill(group, syscall.SIGKILL)
	<-p.ended
	os.RemoveAll(p.dir)
}
