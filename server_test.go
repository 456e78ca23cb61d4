package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/config"
	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stores"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/web"
)

// wait is how long a test waits for what must come.
const wait = 20 * time.Second

func TestMain(m *testing.M) {
	golog.SetOutput(io.Discard)
	os.Setenv("BROADCAST_STORE", "memory") // where no test says otherwise
	os.Setenv("BROADCAST_DEMO", "false")   // likewise
	signal.Ignore(syscall.SIGPIPE)
	flag.Parse()
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.parallel") }) {
		flag.Set("test.parallel", "6") // they wait for timers far more than they compute
	}
	code := m.Run()
	removeShared()
	os.Exit(code)
}

// site is a server that runs in the test's own process, on a real listener.
type site struct {
	*node
	t    testing.TB
	url  string // http://127.0.0.1:port
	stop func() // ends it, as a signal would, waits, and has its readers leave; safe twice

	left    sync.Mutex // guards readers
	readers []*reader
}

// serve starts a server with these settings, which ends with the test.
func serve(t testing.TB, args ...string) *site {
	t.Helper()
	return serveFrom(t, openStore, args...)
}

const manyConns = 10_000

func openStore(s *config.Config) (stores.Store, error) { return stores.Open(s, stores.MaxFiles) }

// serveFrom is serve with a store of the test's own.
func serveFrom(t testing.TB, open func(*config.Config) (stores.Store, error), args ...string) *site {
	t.Helper()
	settings, err := config.Parse(transported(args), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := web.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	store, err := open(settings)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	node, err := newNode(ctx, settings, store, manyConns)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{node: node, t: t, url: "http://" + listener.Addr().String()}
	s.transport()
	served := make(chan error, 1)
	go func() { served <- node.serve(nil, listener) }()
	s.stop = sync.OnceFunc(func() {
		client0.CloseIdleConnections() // those that have not had a request yet would delay the end
		cancel()
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("the server ended with %v", err)
			}
		case <-time.After(settings.Drain + wait):
			t.Error("the server does not stop")
		}
		node.close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		s.left.Lock()
		defer s.left.Unlock()
		for _, r := range s.readers {
			r.leave()
		}
	})
	t.Cleanup(s.stop)
	return s
}

// publish appends an event, as a publisher on this machine would.
func (s *site) publish(topic, data string) stream.ID {
	s.t.Helper()
	id, err := s.post(topic, data)
	if err != nil {
		s.t.Fatalf("publishing to %s: %v", topic, err)
	}
	return id
}

func (s *site) post(topic, data string) (stream.ID, error) {
	response, err := client0.Post(s.url+"/events/"+topic, "text/plain", strings.NewReader(data))
	if err != nil {
		return stream.ID{}, err
	}
	defer response.Body.Close()
	var answer struct{ ID, Topic, Detail string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return stream.ID{}, err
	}
	if response.StatusCode != http.StatusCreated || answer.Topic != topic {
		return stream.ID{}, &stream.Error{Code: stream.Internal, Detail: response.Status + " " + answer.Detail}
	}
	return stream.ParseID(answer.ID)
}

// client0 is the tests' HTTP client. Each of its streams has a connection of its own.
var client0 = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}

// reader is a client of a stream.
type reader struct {
	t        testing.TB
	response *http.Response
	messages *sse.Reader
	leave    func()
}

// listen opens a stream at path, such as /events/news; header is the Last-Event-ID, or "".
func (s *site) listen(path, lastEventID string) *reader {
	s.t.Helper()
	r, err := s.open(context.Background(), path, lastEventID)
	if err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	return r
}

func (s *site) open(ctx context.Context, path, lastEventID string) (*reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := client0.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &reader{t: s.t, response: response, messages: sse.NewReader(response.Body)}
	r.leave = func() {
		cancel()
		response.Body.Close()
	}
	s.left.Lock()
	s.readers = append(s.readers, r)
	s.left.Unlock()
	return r, nil
}

// next is the next message; the test fails if none comes.
func (r *reader) next() sse.Message {
	r.t.Helper()
	timer := time.AfterFunc(wait, r.leave)
	defer timer.Stop()
	message, err := r.messages.Next()
	if err != nil {
		r.t.Fatalf("no message: %v", err)
	}
	return message
}

// want fails the test unless the next messages have these data, of topics without type.
func (r *reader) want(data ...string) {
	r.t.Helper()
	for _, d := range data {
		if m := r.next(); m.Data != d || m.Type != "" {
			r.t.Fatalf("got %q %q, want %q", m.Type, m.Data, d)
		}
	}
}

// end is how the stream ends: io.EOF if cleanly.
func (r *reader) end() error {
	timer := time.AfterFunc(wait, r.leave)
	defer timer.Stop()
	for {
		if _, err := r.messages.Next(); err != nil {
			return err
		}
	}
}

// eventually waits until what holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(wait)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", wait, what)
		}
	}
}

// registered is how many clients the broker has, and how many topics and patterns they are subscribed to.
func (s *site) registered() (clients, keys int) {
	answer := make(chan [2]int, 1)
	select {
	case s.broker.questions <- func() { answer <- [2]int{len(s.broker.clients), s.broker.audiences.Keys()} }:
		n := <-answer
		return n[0], n[1]
	case <-s.broker.done:
		return 0, 0
	}
}

// waitFor waits until that many clients are registered.
func (s *site) waitFor(clients int) {
	s.t.Helper()
	eventually(s.t, "clients are registered", func() bool { n, _ := s.registered(); return n == clients })
}

// noLeak runs what and checks that it leaves no goroutine behind.
func noLeak(t *testing.T, what func()) {
	t.Helper()
	client0.CloseIdleConnections()
	eventually(t, "idle connections close", settled())
	before := runtime.NumGoroutine()
	what()
	client0.CloseIdleConnections()
	defer func() {
		if t.Failed() {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			t.Logf("%d goroutines before, %d now:\n%s", before, runtime.NumGoroutine(), stacks)
		}
	}()
	eventually(t, "the goroutine count is back where it was", func() bool { return runtime.NumGoroutine() <= before })
}

// settled says whether the number of goroutines has stopped falling.
func settled() func() bool {
	last, same := 0, 0
	return func() bool {
		n := runtime.NumGoroutine()
		if n == last {
			same++
		} else {
			last, same = n, 0
		}
		return same > 5
	}
}

// over is how the tests' clients reach the server: "" is in the clear, where it takes connections over from the HTTP
// server; "handler" is the same without that; and there are "tls" and "h2". CI runs the broker's tests over each.
var over = os.Getenv("TEST_BROADCAST_OVER")

// shared is the certificate, and its key, of all servers that the tests reach by TLS.
var shared = sync.OnceValues(func() (certFile, keyFile string) {
	dir, err := os.MkdirTemp("", "iris-broadcast-test-") // outlives the test that asks first
	if err != nil {
		panic(err)
	}
	removeShared = func() { os.RemoveAll(dir) }
	owner := httptest.NewTLSServer(nil) // which has a certificate for 127.0.0.1
	defer owner.Close()
	pair := owner.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	write := func(name, kind string, bytes []byte) string {
		file := filepath.Join(dir, name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes})
		if err = errors.Join(err, os.WriteFile(file, text, 0o600)); err != nil {
			panic(err)
		}
		return file
	}
	trust := x509.NewCertPool()
	trust.AddCert(owner.Certificate())
	transport := client0.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: trust, ServerName: "127.0.0.1"}
	transport.ForceAttemptHTTP2 = over == "h2"
	return write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", key)
})

var removeShared = func() {} // when all tests are over

// transported adds what the transport needs to a server's settings.
func transported(args []string) []string {
	if over != "tls" && over != "h2" {
		return args
	}
	certFile, keyFile := shared()
	return append(args, "-tls-cert", certFile, "-tls-key", keyFile)
}

// transport has the server reached by it.
func (s *site) transport() {
	switch over {
	case "tls", "h2":
		s.url = strings.Replace(s.url, "http:", "https:", 1)
	case "handler":
		inner := s.server.Handler
		s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(unhijackable{w}, r)
		})
	}
}

// unhijackable is a ResponseWriter whose connection cannot be taken over.
type unhijackable struct{ http.ResponseWriter }

func (w unhijackable) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w unhijackable) Flush()                      { http.NewResponseController(w.ResponseWriter).Flush() }

// raw sends a request as it stands over a connection of its own.
func (s *site) raw(request string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn := dial(s.t, s.url)
	if _, err := io.WriteString(conn, request); err != nil {
		s.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// dial opens a connection to a server of the tests.
func dial(t testing.TB, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", url[strings.Index(url, "://")+3:])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if strings.HasPrefix(url, "https:") {
		config := client0.Transport.(*http.Transport).TLSClientConfig.Clone()
		config.NextProtos = nil // HTTP/1
		return tls.Client(conn, config)
	}
	return conn
}

// headless is a store that cannot say where it is.
type headless struct{ stores.Store }

func (headless) Head(context.Context) (id stream.ID, err error) { return id, io.ErrUnexpectedEOF }

func TestANodeThatCannotBeMadeLeavesNothing(t *testing.T) {
	settings, err := config.Parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := openStore(settings)
	if err != nil {
		t.Fatal(err)
	}
	noLeak(t, func() {
		if _, err := newNode(t.Context(), settings, headless{whole}, manyConns); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a node of a store that cannot be read: %v", err)
		}
	})
}

func TestTheStatusPageIsSmallHoweverLongTheServerHasRun(t *testing.T) {
	s := serve(t)
	for i := range statusKept + 5 { // as on a busy server
		busy := 3 + 2*math.Sin(float64(i)/40)
		some := func(most float64) float64 { return metrics.Round(most * busy * (1 + math.Sin(float64(i*i))/9)) }
		p50, p90, p99 := some(0.3), some(0.9), some(2.7)
		s.ownLog.Append(t.Context(), stream.Event{Topic: stream.Server, Data: stream.MustJSON(metrics.Status{
			Streams: int(some(900)), Events: some(30), Deliveries: some(20_000), Bytes: some(3_000_000),
			DelayP50: &p50, DelayP90: &p90, DelayP99: &p99,
			Left: 1000 + 7*i, Stalled: i / 60, TurnedAway: i / 50, Gaps: i / 20,
			Memory: some(30), Store: 120 + some(0.4)})})
	}
	answer := httptest.NewRecorder()
	s.server.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/status", nil))
	page := answer.Body.String()
	if rows := strings.Count(page, `data-topic="$server"`); rows != 240 { // four minutes
		t.Errorf("it has %d rows, want 240", rows)
	}
	var sent bytes.Buffer
	compressor := gzip.NewWriter(&sent)
	io.WriteString(compressor, page)
	compressor.Close()
	t.Logf("%d bytes", sent.Len())
	if n := sent.Len(); n > 18<<10 { // a page with all that it loads must stay below 100 KiB
		t.Errorf("it has %d bytes, compressed", n)
	}
}

func TestAServerThatIsStoppingIsNotReady(t *testing.T) {
	s := serve(t)
	s.stop()
	answer := httptest.NewRecorder()
	s.server.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if answer.Code != 503 || !strings.Contains(answer.Body.String(), "the server is shutting down") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
