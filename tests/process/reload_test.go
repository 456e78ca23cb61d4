package process

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

// certify writes a new certificate for 127.0.0.1 with that number, and its key.
func certify(t *testing.T, certFile, keyFile string, number int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// streamTLS opens a stream over TLS, by HTTP/1 or HTTP/2, on a connection of its own, and reads its first event.
func streamTLS(t *testing.T, url string, http2 bool) *sse.Reader {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	response, err := (&http.Client{Transport: transport}).Get(url + "/events/news?last=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	messages := sse.NewReader(response.Body)
	read(t, messages, "before")
	return messages
}

// number is that of the certificate which a new connection gets.
func number(t *testing.T, s *harness.Server) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", s.Host(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestANewCertificateEndsNoStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certify(t, certFile, keyFile, 1)
	s := harness.Serve(t, "-demo=false", "-tls-cert", certFile, "-tls-key", keyFile)
	s.TrustAll()
	s.API(http.MethodPost, "/events/news", "before")
	var streams []*sse.Reader
	for n := range 200 {
		streams = append(streams, streamTLS(t, s.URL, n%2 == 0))
	}
	s.UntilStreams(200)

	certify(t, certFile, keyFile, 2)
	harness.Eventually(t, "new connections get the new certificate", func() bool { return number(t, s) == 2 })
	write(t, keyFile, "no key")
	harness.Eventually(t, "the log says what is wrong", func() bool {
		return number(t, s) == 2 && strings.Contains(s.Stderr(), "The last good certificate is still served")
	})
	s.Process.Signal(syscall.SIGHUP)
	harness.Eventually(t, "it says so again", func() bool {
		return strings.Contains(s.Stderr(), "Settings not reloaded: -tls-cert and -tls-key: ")
	})
	certify(t, certFile, keyFile, 3)
	s.Process.Signal(syscall.SIGHUP)
	harness.Eventually(t, "SIGHUP brings the third", func() bool {
		return number(t, s) == 3 && strings.Contains(s.Stderr(), "Settings reloaded")
	})

	s.API(http.MethodPost, "/events/news", "after")
	var reading sync.WaitGroup
	for _, messages := range streams {
		reading.Go(func() { read(t, messages, "after") })
	}
	reading.Wait()
	if n := s.Streams(); n != 200 {
		t.Errorf("%d streams are open", n)
	}
}

func TestFlagsWinOverTheEnvironmentAndThatOverTheSettingsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "settings")
	write(t, file, "log-format = json\nkeep-events = 1\nkeep-age = 1h\nmax-data = 1B\ndemo = false\n")
	fromEnvironment := []string{"BROADCAST_CONFIG=" + file, "BROADCAST_KEEP_EVENTS=2", "BROADCAST_MAX_DATA=2B"}
	change := func(command *exec.Cmd) { command.Env = append(command.Env, fromEnvironment...) }
	s := harness.ServeAs(t, change, "-max-data", "3B")
	first := entries(t, s.Stderr())[0]
	for setting, want := range map[string]string{
		"log-format": "json", "keep-age": "1h", "keep-events": "2", "max-data": "3B", "demo": "false"} {
		if first[setting] != want {
			t.Errorf("%s is %v, want %s", setting, first[setting], want)
		}
	}
	for data, want := range map[string]int{"123": http.StatusCreated, "1234": http.StatusRequestEntityTooLarge} {
		if response, _ := s.Do(http.MethodPost, "/events/news", data); response.StatusCode != want {
			t.Errorf("%q: %s, want %d", data, response.Status, want)
		}
	}
}

func TestSIGHUPReadsTheSettingsAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "settings")
	write(t, file, "demo = false\nlog-level = warn\n")
	s := harness.Serve(t, "-config", file)
	listening := s.Listen("/events/news", "")
	const page = "Origin: https://app.example.com"
	try := func() int {
		response, _ := s.Do(http.MethodPost, "/events/news", "hello", page)
		return response.StatusCode
	}
	if status := try(); status != http.StatusForbidden {
		t.Fatalf("a page of another origin writes: %d", status)
	}
	hangup := func(settings, said string) {
		write(t, file, settings)
		s.Process.Signal(syscall.SIGHUP)
		harness.Eventually(t, said, func() bool { return strings.Contains(s.Stderr(), said) })
	}
	hangup("demo = false\ncors-orgins = https://app.example.com\n",
		"Settings not reloaded: "+file+":2: cors-orgins is not a setting; did you mean cors-origins?")
	hangup("demo = true\nlog-level = info\nmax-data = 1B\nretry = 3s\ncors-origins = https://app.example.com\n",
		"These settings change only with a restart: max-data, retry, demo")
	if status := try(); status != http.StatusCreated { // "hello", which is more than 1B
		t.Errorf("cors-origins has changed, max-data has not, and still: %d", status)
	}
	listening.Want("hello")
	s.Process.Signal(syscall.SIGTERM)
	s.WantExit(0)
	if !strings.Contains(s.Stderr(), "Stopping: open streams (1) end") {
		t.Errorf("the new log-level does not hold: %s", s.Stderr())
	}
}

func TestASIGHUPThatComesWhileItStartsOrStopsEndsNothing(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-shutdown-delay", "1s")
	for range 100 {
		s.Process.Signal(syscall.SIGHUP)
	}
	s.Publish("news", "one")
	s.Process.Signal(syscall.SIGTERM)
	harness.Eventually(t, "it stops", func() bool {
		response, _ := s.Do(http.MethodGet, "/readyz", "")
		return response.StatusCode == http.StatusServiceUnavailable
	})
	s.Process.Signal(syscall.SIGHUP)
	s.Publish("news", "two")
	s.WantExit(0)
}
