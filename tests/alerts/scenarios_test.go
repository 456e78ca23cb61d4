package alerts

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// scenario is what an alert warns of.
type scenario struct {
	alert   string
	tls     bool
	provoke func(*testing.T, *trouble)
}

// trouble is a scenario under way.
type trouble struct {
	*prometheus
	alert    string
	addr     string       // where the server is to listen
	reserved net.Listener // keeps others from that address until the server is started
}

// until calls do ten times a second until the alert has fired.
func (x *trouble) until(t *testing.T, do func()) {
	t.Helper()
	x.during(t, x.alert, x.addr, do)
}

// serve starts the scenario's server.
func (x *trouble) serve(t *testing.T, args ...string) *harness.Server {
	t.Helper()
	x.reserved.Close()
	return harness.Serve(t, append([]string{"-addr", x.addr, "-demo=false"}, args...)...)
}

// serveBelow starts the server by another command, which runs it.
func (x *trouble) serveBelow(t *testing.T, above []string, args ...string) *harness.Server {
	t.Helper()
	x.reserved.Close()
	program := harness.Command(t, append([]string{"-addr", x.addr, "-demo=false"}, args...)...)
	command := exec.Command(above[0], append(above[1:], program.Args...)...)
	command.Env = program.Env
	var said bytes.Buffer
	command.Stderr, command.WaitDelay = &said, time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM) // strace passes it on
		if command.Wait(); t.Failed() {
			t.Logf("%s said:\n%s", above[0], said.String())
		}
	})
	harness.Eventually(t, "the server listens", func() bool {
		conn, err := net.Dial("tcp", x.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return harness.At(t, "http://"+x.addr)
}

// scenarios are one for each alert.
var scenarios = []scenario{
	{alert: "BroadcastDown", provoke: stop},
	{alert: "BroadcastRestarts", provoke: restart},
	{alert: "BroadcastStoreCannotWrite", provoke: moveTheStoreAway},
	{alert: "BroadcastStoreDamaged", provoke: damageTheStore},
	{alert: "BroadcastPublishingFails", provoke: inventTopics},
	{alert: "BroadcastCommitsSlow", provoke: slowTheDisk},
	{alert: "BroadcastDeliverySlow", tls: true, provoke: readSlowly},
	{alert: "BroadcastStreamsNearLimit", provoke: openMostStreams},
	{alert: "BroadcastClientsTurnedAway", provoke: openTooManyStreams},
	{alert: "BroadcastDescriptorsNearLimit", provoke: useUpDescriptors},
	{alert: "BroadcastClientsTooSlow", provoke: readNothing},
	{alert: "BroadcastGaps", provoke: comeBackLate},
	{alert: "BroadcastCertificateExpires", tls: true, provoke: letTheCertificateExpire},
}

func stop(t *testing.T, x *trouble) {
	s := x.serve(t)
	harness.Eventually(t, "Prometheus has seen the server", func() bool {
		up, _ := x.value(fmt.Sprintf("up{instance=%q}", x.addr))
		return up == 1
	})
	s.Stop()
	x.until(t, func() {})
}

func restart(t *testing.T, x *trouble) {
	last := 0.0
	for !x.hasFired(x.alert, x.addr) {
		s := x.serve(t)
		harness.Eventually(t, "Prometheus has seen the new process", func() bool {
			began, _ := x.value(fmt.Sprintf("process_start_time_seconds{instance=%q}", x.addr))
			is := began != last
			if is {
				last = began
			}
			return is || x.hasFired(x.alert, x.addr)
		})
		s.Kill()
	}
}

func moveTheStoreAway(t *testing.T, x *trouble) {
	dir := filepath.Join(t.TempDir(), "data")
	x.serve(t, "-store", "pebble:"+dir)
	if err := os.Rename(dir, dir+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	x.until(t, func() {})
}

func damageTheStore(t *testing.T, x *trouble) {
	dir := filepath.Join(t.TempDir(), "data")
	s := harness.Serve(t, "-demo=false", "-store", "pebble:"+dir)
	for range 20 {
		data := make([]byte, 30_000) // that does not compress
		rand.Read(data)
		s.Publish("news", fmt.Sprintf("%x", data))
	}
	copied := dir + "-copy"
	for _, args := range [][]string{{"compact"}, {"backup", copied}} {
		command := harness.Command(t, args...)
		command.Env = append(command.Env, "BROADCAST_STORE=pebble:"+dir)
		if said, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	tables, _ := filepath.Glob(filepath.Join(copied, "*.sst"))
	for _, path := range tables {
		table, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		table[len(table)/2] ^= 4
		if err := os.WriteFile(path, table, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = x.serve(t, "-store", "pebble:"+copied)
	s.Do("GET", "/events/news?since=all&limit=1000", "", "Accept: application/json") // which meets the damage
	x.until(t, func() {})
}

func inventTopics(t *testing.T, x *trouble) {
	s, n := x.serve(t, "-max-topics", "1"), 0
	x.until(t, func() {
		n++
		if response, _ := s.Do("POST", fmt.Sprint("/events/topic-", n), "x"); n > 1 && response.StatusCode != 507 {
			t.Errorf("one more topic: %s", response.Status)
		}
	})
}

func slowTheDisk(t *testing.T, x *trouble) {
	s := x.serveBelow(t, []string{harness.Needs(t, install, "strace"), "-f", "-I2", "--seccomp-bpf", "-o", "/dev/null",
		"-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_enter=150000"}, // in µs
		"-store", "pebble:"+filepath.Join(t.TempDir(), "data"))
	x.until(t, func() { s.Publish("news", "x") })
}

func readSlowly(t *testing.T, x *trouble) {
	x.reserved.Close()
	s := harness.ServeTLS1(t, "-addr", x.addr, "-demo=false", "-stall", "1h", "-max-pending", "256MiB")
	conn, body := s.Raw("GET /events/news HTTP/1.0\r\n\r\n")
	conn.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(32 << 10)
	s.UntilStreams(1)
	data := strings.Repeat("x", 60_000)
	s.Append("news", slices.Repeat([]string{data}, 200)...) // more than the sockets hold
	x.until(t, func() {
		s.Append("news", slices.Repeat([]string{data}, 5)...)
		if _, err := io.CopyN(io.Discard, body, 5*int64(len(data))); err != nil {
			t.Fatalf("%v\n%s", err, s.Stderr())
		}
	})
}

func openMostStreams(t *testing.T, x *trouble) {
	s := x.serve(t, "-max-streams", "20")
	for range 19 {
		s.Raw("GET /events/news HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	s.UntilStreams(19)
	x.until(t, func() {})
}

func openTooManyStreams(t *testing.T, x *trouble) {
	s := x.serve(t, "-max-streams", "1")
	s.Listen("/events/news", "")
	s.UntilStreams(1)
	x.until(t, func() { s.Do("GET", "/events/news", "", "Accept: text/event-stream") })
}

func useUpDescriptors(t *testing.T, x *trouble) {
	s := x.serveBelow(t, []string{"sh", "-c", `ulimit -n 256; exec "$0" "$@"`}, "-max-streams", "120")
	for range 100 {
		s.Raw("GET /events/news HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	s.UntilStreams(100)
	x.until(t, func() {
		for range 5 { // more than the server keeps
			s.Raw("")
		}
	})
}

func readNothing(t *testing.T, x *trouble) {
	s := x.serve(t, "-stall", "100ms")
	data := strings.Repeat("x", 60_000)
	next := time.Now()
	x.until(t, func() {
		if time.Now().Before(next) {
			return
		}
		next = time.Now().Add(3 * time.Second)
		for range 20 {
			conn, _ := s.Raw("GET /events/news HTTP/1.0\r\n\r\n")
			conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		s.UntilStreams(20)
		for s.Streams() > 0 {
			s.Publish("news", data)
		}
	})
}

func comeBackLate(t *testing.T, x *trouble) {
	s := x.serve(t, "-keep-events", "1")
	first := s.Publish("news", "one")
	s.Append("news", "two", "three")
	x.until(t, func() {
		for range 5 {
			r := s.Listen("/events/news", first)
			r.Must()
			r.Leave()
		}
	})
}

func letTheCertificateExpire(t *testing.T, x *trouble) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	certificate, certErr := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	private, keyErr := x509.MarshalPKCS8PrivateKey(key)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) error {
		return os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	}
	err = errors.Join(certErr, keyErr,
		write("cert.pem", "CERTIFICATE", certificate), write("key.pem", "PRIVATE KEY", private))
	if err != nil {
		t.Fatal(err)
	}
	x.serve(t, "-tls-cert", filepath.Join(dir, "cert.pem"), "-tls-key", filepath.Join(dir, "key.pem"))
	x.until(t, func() {})
}
