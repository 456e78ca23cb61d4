package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
)

// certificate writes a self-signed certificate for localhost and its key, and returns their files and who trusts it.
func certificate(t *testing.T) (certFile, keyFile string, trust *x509.CertPool) {
	t.Helper()
	certFile, keyFile, trust, err := newCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile, trust
}

func newCertificate(dir string) (certFile, keyFile string, trust *x509.CertPool, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", "", nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", nil, err
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, trust, errors.Join(os.WriteFile(certFile, certPEM, 0o600), os.WriteFile(keyFile, keyPEM, 0o600))
}

// overTLS serves with TLS, and returns a client that speaks HTTP/2 with it.
func overTLS(t *testing.T, args ...string) (*site, *http.Client) {
	t.Helper()
	certFile, keyFile, trust := certificate(t)
	s := serve(t, append(args, "-tls-cert", certFile, "-tls-key", keyFile)...)
	s.url = strings.Replace(s.url, "http:", "https:", 1)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport}
}

func TestAHundredStreamsShareOneConnectionOverTLS(t *testing.T) {
	t.Parallel()
	s, client := overTLS(t, "-stall", "200ms")
	var reading sync.WaitGroup
	defer s.stop()
	for i := range 100 {
		response, err := client.Get(s.url + "/events/news")
		if err != nil {
			t.Fatal(err)
		}
		if response.ProtoMajor != 2 || response.Header.Get("Connection") != "" {
			t.Fatalf("%s with Connection %q", response.Proto, response.Header.Get("Connection"))
		}
		reading.Go(func() {
			defer response.Body.Close()
			messages := sse.NewReader(response.Body)
			for n := range 50 {
				if m, err := messages.Next(); err != nil || m.Data != fmt.Sprint(n) {
					t.Errorf("stream %d: got %+v, %v, want %d", i, m, err, n)
					return
				}
			}
		})
	}
	s.waitFor(100)
	quiet := time.After(500 * time.Millisecond) // longer than -stall: a deadline left behind would reset the streams
	<-quiet
	for n := range 50 {
		response, err := client.Post(s.url+"/events/news", "", strings.NewReader(fmt.Sprint(n)))
		if err != nil || response.StatusCode != http.StatusCreated {
			t.Fatalf("%+v, %v", response, err)
		}
		response.Body.Close()
	}
	reading.Wait()
	eventually(t, "who leaves on HTTP/2 is noticed", func() bool { n, _ := s.registered(); return n == 0 })
}

func TestOneStalledStreamOnHTTP2IsEndedAndOthersAreNot(t *testing.T) {
	t.Parallel()
	s, client := overTLS(t, "-stall", "300ms")
	defer s.stop()
	stalled, err := client.Get(s.url + "/events/news")
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Body.Close()
	reading, err := client.Get(s.url + "/events/news")
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Body.Close()
	s.waitFor(2)
	messages := sse.NewReader(reading.Body)
	payload := strings.Repeat("x", 32<<10)
	for n := 0; ; n++ {
		response, err := client.Post(s.url+"/events/news", "", strings.NewReader(fmt.Sprint(n, payload)))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if m, err := messages.Next(); err != nil || m.Data != fmt.Sprint(n, payload) {
			t.Fatalf("the stream that reads got %.9s…, %v, want %d", m.Data, err, n)
		}
		if clients, _ := s.registered(); clients == 1 {
			return
		}
	}
}

// deafConn is a connection whose client stops reading for good once deaf is closed.
type deafConn struct {
	net.Conn
	deaf   chan struct{}
	closed chan struct{}
}

func (c deafConn) Read(p []byte) (int, error) {
	select {
	case <-c.deaf:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return c.Conn.Read(p)
	}
}

func TestAConnectionOfHTTP2ThatTakesNothingIsEnded(t *testing.T) {
	t.Parallel()
	s, client := overTLS(t, "-stall", "500ms", "-drain", "1s")
	conn := deafConn{deaf: make(chan struct{}), closed: make(chan struct{})}
	transport := client.Transport.(*http.Transport)
	deaf := &http.Transport{TLSClientConfig: transport.TLSClientConfig, ForceAttemptHTTP2: true,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 1 << 26, MaxReceiveBufferPerConnection: 1 << 28},
		DialContext: func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
			conn.Conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
			return conn, err
		}}
	defer deaf.CloseIdleConnections()
	for range 5 {
		response, err := (&http.Client{Transport: deaf}).Get(s.url + "/events/news")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
	}
	s.waitFor(5)
	close(conn.deaf)
	defer close(conn.closed)
	payload := strings.Repeat("x", 32<<10)
	eventually(t, "all streams of the connection are ended", func() bool {
		response, err := client.Post(s.url+"/events/news", "", strings.NewReader(payload))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return s.engine.Streams() == 0
	})
}
