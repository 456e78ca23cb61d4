package handover

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"iris-broadcast/tests/harness"
)

// balancer is a proxy that looks ten times a second whether its servers are ready, and prefers the first. It leaves
// that only after five failures: on a busy machine one probe or another comes too late.
const balancer = `
global
	maxconn 8000
defaults
	mode http
	option forwardfor
	option redispatch
	timeout connect 5s
	timeout client 1h
	timeout server 1h
	timeout check 5s
frontend everybody
	bind %s
	default_backend servers
backend servers
	option httpchk GET /readyz
	default-server check inter 100ms fall 5 rise 1
	server first %s
	server second %s backup
`

// behind starts a proxy in front of two servers, and returns its address.
func behind(t *testing.T, first, second *harness.Server) string {
	t.Helper()
	haproxy := harness.Needs(t, "apt-get install haproxy", "haproxy", "/usr/sbin/haproxy")
	listener := harness.Reserve(t)
	addr := listener.Addr().String()
	listener.Close()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	config := fmt.Sprintf(balancer, addr, first.Host(), second.Host())
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(haproxy, "-db", "-f", file)
	command.Stderr = t.Output()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	harness.Eventually(t, "the proxy passes requests on", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return addr
}

func TestBehindAProxyThatProbesNobodyIsRefusedWhileAServerStops(t *testing.T) {
	args := []string{"-demo=false", "-open-publish", "-shutdown-delay", "2s", "-drain", "10s", "-retry", "500ms"}
	first, second := harness.Serve(t, args...), harness.Serve(t, args...)
	c := gather(t, behind(t, first, second))
	first.UntilStreams(listeners)
	c.until(5)

	first.Process.Signal(syscall.SIGTERM)
	first.WantExit(0)
	second.UntilStreams(listeners)
	c.until(5)
	c.hush()
}
