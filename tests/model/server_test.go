package model

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wait is how long what must come may take.
const wait = 60 * time.Second

// program is the server, built once, and what its clients by TLS need.
var program struct{ path, cert, key string }

// over are the ways to the server: in the clear, and by TLS.
var over [2][]*http.Client

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "iris-broadcast-model-")
	if err != nil {
		panic(err)
	}
	program.path = filepath.Join(dir, "iris-broadcast")
	if runtime.GOOS == "windows" {
		program.path += ".exe"
	}
	build := exec.Command("go", "build", "-o", program.path, ".")
	build.Dir, build.Stderr = filepath.Join("..", ".."), os.Stderr
	if err := errors.Join(build.Run(), makeClients(dir)); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// makeClients makes a certificate, and clients that trust it.
func makeClients(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	program.cert, program.key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(certPEM)
	transport := func(http2 bool) *http.Client {
		return &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: http2, DisableCompression: true}}
	}
	over = [2][]*http.Client{{transport(false)}, {transport(false), transport(true)}}
	return errors.Join(os.WriteFile(program.cert, certPEM, 0o600), os.WriteFile(program.key, keyPEM, 0o600))
}

// server is one life of the program.
type server struct {
	t       *testing.T
	url     string
	clients []*http.Client
	process *os.Process
	said    bytes.Buffer
	ended   chan error
}

// start starts the program, and waits until it serves.
func start(t *testing.T, secure bool, args ...string) *server {
	t.Helper()
	s := &server{t: t, clients: over[0], ended: make(chan error, 1)}
	args = append(args, "-addr", "127.0.0.1:0", "-demo=false", "-heartbeat", "100ms", "-drain", "500ms", "-log-level", "error")
	if secure {
		s.clients = over[1]
		args = append(args, "-tls-cert", program.cert, "-tls-key", program.key)
	}
	command := exec.Command(program.path, args...)
	command.Stderr = &s.said
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = command.Process
	t.Cleanup(func() { s.process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		command.Wait()
		t.Fatalf("%q does not start: %s", args, s.said.String())
	}
	s.url = strings.TrimSpace(line[strings.Index(line, "http"):])
	go func() {
		io.Copy(io.Discard, out)
		s.ended <- command.Wait()
	}()
	return s
}

// stop ends the program, by a signal that it can answer or by one that it cannot.
func (s *server) stop(kill bool) {
	if kill {
		s.process.Kill()
		return
	}
	s.process.Signal(syscall.SIGTERM)
}

// over waits until the program has ended.
func (s *server) over(killed bool) {
	s.t.Helper()
	select {
	case err := <-s.ended:
		if err != nil && !killed {
			s.t.Errorf("the server ended with %v: %s", err, s.said.String())
		}
	case <-time.After(wait):
		s.t.Fatal("the server does not end")
	}
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
}
