package commands

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Health asks whether the server is healthy.
var Health = &Command{
	Name: "health", summary: "ask the running server whether it is healthy",
	help: `
Asks for /healthz at the address that -addr, its variable or the settings file gives, over TLS if -tls-cert is set.
The certificate is not verified: it need not name the address. Exits with 0 if the server answers 200 within 5 s, else
with 1.`,
	settings: []string{"addr", "tls-cert", "config"},
	run: func(ctx context.Context, c *call) error {
		return healthy(ctx, c.Out, c.config.Addr, c.config.TLSCert != "")
	},
}

// healthy asks the server at addr, as -addr gives it, for /healthz, and copies the answer to out. Any status but 200 is
// an error.
func healthy(ctx context.Context, out io.Writer, addr string, secure bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	network, at := "tcp", here(addr)
	if path, isUnix := strings.CutPrefix(addr, "unix:"); isUnix {
		network, at = "unix", path
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}
	url := "http://localhost/healthz"
	if secure {
		url = "https://localhost/healthz"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", addr, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", addr, response.Status)
	}
	_, err = io.Copy(out, response.Body)
	return err
}

// here is where this machine reaches a server that listens on addr: on loopback, if it listens on all interfaces.
func here(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
