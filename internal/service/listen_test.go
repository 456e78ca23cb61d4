package service

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASocketThatNobodyListensOnIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Skipf("no Unix sockets here: %v", err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that is killed
	dead.Close()
	listener, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is left behind: %v", err)
	}
}

func TestTheGreetingNamesAnAddressThatAnswers(t *testing.T) {
	tcp := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
	for _, c := range []struct {
		at     net.Addr
		addr   string
		secure bool
		want   string
	}{
		{tcp, "localhost:80", false, "curl -d hello localhost:80/events/news"},
		{tcp, "127.0.0.1:0", true, "curl -d hello https://127.0.0.1:80/events/news"},
		{tcp, "unix:/run/other", false, "curl -d hello localhost:80/events/news"}, // tcp is passed by systemd
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 80}, ":80", false, "curl -d hello localhost:80/events/news"},
		{&net.UnixAddr{Name: "/run/it", Net: "unix"}, "unix:/run/it", false,
			"curl --unix-socket /run/it -d hello localhost/events/news"},
	} {
		var said bytes.Buffer
		Greet(&said, c.at, c.addr, c.secure)
		if !strings.HasSuffix(said.String(), " "+c.want+"\n") {
			t.Errorf("%v for -addr %s: %q, want %q", c.at, c.addr, &said, c.want)
		}
	}
}
