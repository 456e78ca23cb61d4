package process

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestItServesAUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	s := harness.Serve(t, "-demo=false", "-addr", "unix:"+path)
	if want := "curl --unix-socket " + path + " -d hello localhost/events/news"; !strings.Contains(s.Lines[1], want) {
		t.Errorf("it prints %q, want %q", s.Lines[1], want)
	}
	curl := harness.Needs(t, "apt-get install curl", "curl")
	command := strings.Fields(s.Lines[1][strings.Index(s.Lines[1], "curl"):])
	if out, err := exec.Command(curl, append(command[1:], "-sS")...).CombinedOutput(); err != nil ||
		!strings.Contains(string(out), `"topic":"news"`) {
		t.Errorf("the command that it prints: %s %v", out, err)
	}
	listening := s.Listen("/events/news?last=1", "")
	listening.Want("hello")
	idle := figure(t, s, "go_goroutines")
	var others []*harness.Reader
	for range 50 {
		others = append(others, s.Listen("/events/news", ""))
	}
	s.UntilStreams(51)
	harness.Eventually(t, "handlers have returned", func() bool { return figure(t, s, "go_goroutines") < idle+20 })
	s.Publish("news", "to all")
	listening.Want("to all")
	for _, r := range others {
		r.Want("to all")
	}
	response, body := s.Do(http.MethodPost, "/events/news", "hello", "X-Forwarded-For: 192.0.2.1")
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a request through a proxy's socket may write: %s %s", response.Status, body)
	}

	second := harness.Command(t, "-addr", "unix:"+path)
	said := path + " is in use by another process"
	if out, err := second.CombinedOutput(); err == nil || !strings.Contains(string(out), said) {
		t.Errorf("a second server on the same path: %s, %v", out, err)
	}
	s.Kill() // which leaves the socket behind
	third := harness.Serve(t, "-demo=false", "-addr", "unix:"+path)
	third.Publish("news", "again")
	third.Stop()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a server that stopped has left its socket: %v", err)
	}
}

// notified is the socket where a process tells systemd of its state.
type notified struct {
	*net.UnixConn
	t testing.TB
}

func notify(t testing.TB) notified {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return notified{conn, t}
}

// next is what the process says next; "" if it says nothing for so long.
func (n notified) next(patience time.Duration) string {
	n.t.Helper()
	said := make([]byte, 100)
	n.SetReadDeadline(time.Now().Add(patience))
	length, err := n.Read(said)
	if err != nil && !os.IsTimeout(err) {
		n.t.Fatal(err)
	}
	return string(said[:length])
}

func TestSystemdIsNotifiedOfReadinessLifeAndTheEnd(t *testing.T) {
	t.Parallel()
	systemd, dir := notify(t), filepath.Join(t.TempDir(), "store")
	watched := func(command *exec.Cmd) {
		command.Env = append(command.Env, "NOTIFY_SOCKET="+systemd.LocalAddr().String(), "WATCHDOG_USEC=200000")
	}
	s := harness.ServeAs(t, watched, "-demo=false", "-store", "pebble:"+dir)
	if said := systemd.next(harness.Patience); said != "READY=1" {
		t.Errorf("first it says %q", said)
	}
	s.API(http.MethodGet, "/readyz", "")
	for range 5 {
		if said := systemd.next(harness.Patience); said != "WATCHDOG=1" {
			t.Errorf("then it says %q", said)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	said := systemd.next(harness.Patience)
	for said == "WATCHDOG=1" {
		said = systemd.next(harness.Patience)
	}
	if said != "STOPPING=1" {
		t.Errorf("once only a restart can help it says %q", said)
	}
	s.WantExit(1)
}

func TestItAcceptsOneStreamSocketFromSystemd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	file, err := datagrams.File()
	if err != nil {
		t.Fatal(err)
	}
	for want, sockets := range map[string][]*os.File{
		"this server wants ListenStream=": {file}, "systemd passes 2 sockets": {file, file}} {
		command := harness.Command(t)
		harness.PassSockets(command, sockets...)
		if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%d sockets: %s, %v, want %q", len(sockets), out, err, want)
		}
	}
}
