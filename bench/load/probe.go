package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"iris-broadcast/bench/internal/procfs"
)

// probeTimeout is how long a server may take for the head of a stream.
const probeTimeout = 10 * time.Second

// client is for streams that need TLS, and for the probe.
func (s settings) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:    s.tls(),
			ForceAttemptHTTP2:  true,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (s settings) tls() *tls.Config {
	return &tls.Config{InsecureSkipVerify: s.insecure, ServerName: s.stream.Hostname()}
}

// probe opens one stream, to explain in plain words what is wrong before thousands fail.
func probe(ctx context.Context, s settings) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tooLate := time.AfterFunc(probeTimeout, cancel)
	defer tooLate.Stop()
	where := s.stream.Scheme + "://" + s.stream.Host + pathOf(s.stream, 0)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	client := s.client()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return explain(err, s)
	}
	defer response.Body.Close()
	switch kind := response.Header.Get("Content-Type"); {
	case response.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("%s answers %s: it is full, or not ready; try fewer clients, or later", where,
			response.Status)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answers %s, where a stream answers 200: is the path right?", where, response.Status)
	case !strings.HasPrefix(kind, "text/event-stream"):
		return fmt.Errorf("%s answers with Content-Type %q, where a stream has text/event-stream: is the path right?",
			where, kind)
	}
	return nil
}

// explain says what a failed request means.
func explain(err error, s settings) error {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var name *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens on %s: is the server running, and is that its port?", s.address)
	case errors.As(err, &name):
		return fmt.Errorf("there is no host %q", s.stream.Hostname())
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: -insecure takes any certificate", err)
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s does not speak TLS: want http:// instead of https://", s.address)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s sent no head of a stream within %v", s.address, probeTimeout)
	}
	return fmt.Errorf("open a stream: %w", err)
}

// serverPIDs is the server's processes, if it runs on this machine.
func serverPIDs(address string) []int {
	to, err := net.ResolveTCPAddr("tcp", address)
	if err != nil || !local(to.IP) {
		return nil
	}
	pid, ok := procfs.Listener(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(to.Port)))
	if !ok {
		return nil
	}
	return procfs.Tree(pid)
}

// local reports whether ip is of this machine.
func local(ip net.IP) bool {
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return ip.IsLoopback()
}
