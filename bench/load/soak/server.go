package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"iris-broadcast/bench/internal/certificate"
)

// kind is one of the two servers.
type kind struct {
	name string
	disk bool // else in memory
	tls  bool
}

var kinds = []kind{{name: "disk", disk: true}, {name: "memory, TLS", tls: true}}

// limits are small, so that each of them takes effect within seconds: at steadyRate and bulkRate, events are removed
// by count after 15 s, by size after 14 s of large ones, and by age after 20 s. Checked clients are away for less.
var limits = []string{"-keep-events", "300", "-keep-age", "20s", "-keep-bytes", "16MiB", "-max-topics", "200",
	"-max-streams", "400", "-max-pending", "256KiB", "-stall", "3s", "-heartbeat", "2s", "-retry", "500ms",
	"-demo=true", "-log-level", "warn"}

// server is a running server.
type server struct {
	kind    kind
	binary  string
	dir     string // its working directory
	address string // host:port
	files   certificate.Files
	command *exec.Cmd
	output  *tail
	ended   chan struct{}
	err     error // of Wait, once ended
}

// start starts a server with an empty store, and waits until it is ready.
func start(ctx context.Context, binary, dir string, k kind, files certificate.Files) (*server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{kind: k, binary: binary, dir: dir, address: free.Addr().String(), files: files, output: &tail{},
		ended: make(chan struct{})}
	free.Close()
	args := append([]string{"-addr", s.address, "-store", "memory"}, limits...)
	if k.disk {
		args[3] = "pebble:" + s.store()
	}
	if k.tls {
		args = append(args, "-tls-cert", files.Cert, "-tls-key", files.Key)
	}
	s.command = exec.Command(binary, args...)
	s.command.Dir, s.command.Stdout, s.command.Stderr = dir, io.Discard, s.output
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the load alone
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.command.Wait()
		close(s.ended)
	}()
	if err := s.untilReady(ctx); err != nil {
		s.kill()
		return nil, fmt.Errorf("start %s: %w\n%s", binary, err, s.output)
	}
	return s, nil
}

// store is the store's folder.
func (s *server) store() string { return filepath.Join(s.dir, "store") }

// url is the URL of a path.
func (s *server) url(path string) string {
	if s.kind.tls {
		return "https://" + s.address + path
	}
	return "http://" + s.address + path
}

// client makes requests over a transport of its own, with HTTP/2 if asked for and the server speaks TLS.
func (s *server) client(http2 bool) *http.Client {
	t := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 4,
		IdleConnTimeout: 5 * time.Second}
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	if s.kind.tls {
		t.TLSClientConfig = s.files.Client.Clone()
		t.Protocols.SetHTTP2(http2)
	}
	return &http.Client{Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *server) untilReady(ctx context.Context) error {
	client := s.client(false)
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if response, err := client.Get(s.url("/readyz")); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.ended:
			return errors.New("it ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("it does not get ready")
}

// alive returns an error if the server has ended by itself.
func (s *server) alive() error {
	select {
	case <-s.ended:
		return fmt.Errorf("the server has ended by itself: %v\n%s", s.err, s.output)
	default:
		return nil
	}
}

// stop ends the server gracefully. It must not end before, nor with an error; what it kept on disk must be sound.
func (s *server) stop(ctx context.Context) error {
	if err := s.alive(); err != nil {
		return err
	}
	s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.kill()
		return errors.New("the server did not end within 30 s")
	}
	switch {
	case s.err != nil:
		return fmt.Errorf("the server ended with %w\n%s", s.err, s.output)
	case s.kind.disk:
		return s.run(ctx, "check")
	}
	return nil
}

// kill ends the server at once, if it still runs.
func (s *server) kill() {
	s.command.Process.Kill()
	<-s.ended
}

// run runs one of the program's commands on the server's store.
func (s *server) run(ctx context.Context, command string, args ...string) error {
	all := append([]string{command, "-store", "pebble:" + s.store()}, args...)
	if output, err := exec.CommandContext(ctx, s.binary, all...).CombinedOutput(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	return nil
}

// tail keeps the newest output, and counts its lines. It is safe for concurrent use.
type tail struct {
	mu    sync.Mutex
	kept  []byte
	lines int
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines += bytes.Count(b, []byte("\n"))
	t.kept = append(t.kept, b...)
	t.kept = append([]byte(nil), t.kept[max(len(t.kept)-4<<10, 0):]...)
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}
