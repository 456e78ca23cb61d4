package harness

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// At is a server that the harness did not start, as a test that has its address sees it.
func At(t testing.TB, url string) *Server { return &Server{URL: url, t: t, client: Client} }

// Do sends a request with these headers, given as Name: value, and returns the answer with its body.
func (s *Server) Do(method, path, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	response := s.Ask(method, path, body, headers...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(text)
}

// Ask is Do for an answer that may have no end: the caller reads the body and closes it. It follows no redirect.
func (s *Server) Ask(method, path, body string, headers ...string) *http.Response {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if request.Header.Add(name, value); name == "Host" {
			request.Host = value
		}
	}
	response, err := s.client.Transport.RoundTrip(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return response
}

// JSON sends a request and decodes the JSON object that comes back, if it is one.
func (s *Server) JSON(method, path, body string, headers ...string) (*http.Response, map[string]any) {
	s.t.Helper()
	response, text := s.Do(method, path, body, append(headers, "Accept: application/json")...)
	var fields map[string]any
	json.Unmarshal([]byte(text), &fields) // an answer without content has none
	return response, fields
}

// API sends a request and decodes the JSON object that comes back; the test fails unless the status is one of success.
func (s *Server) API(method, path, body string) map[string]any {
	s.t.Helper()
	response, fields := s.JSON(method, path, body)
	if response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s %v", method, path, response.Status, fields)
	}
	return fields
}

// Streams is how many streams the server counts.
func (s *Server) Streams() int {
	s.t.Helper()
	return int(s.API(http.MethodGet, "/healthz", "")["streams"].(float64))
}

// UntilStreams waits until the server counts that many streams.
func (s *Server) UntilStreams(n int) {
	s.t.Helper()
	Eventually(s.t, "the streams are as many as they should be", func() bool { return s.Streams() == n })
}

// Head is the position of the log's newest event.
func (s *Server) Head() string {
	s.t.Helper()
	return s.API(http.MethodGet, "/events/nobody-speaks-here", "")["next"].(string)
}

// After says whether an id is later than another.
func After(id, other string) bool {
	var ms, sequence, otherMS, otherSequence int64
	fmt.Sscanf(id, "%d-%d", &ms, &sequence)
	fmt.Sscanf(other, "%d-%d", &otherMS, &otherSequence)
	return ms > otherMS || ms == otherMS && sequence > otherSequence
}

// Reader is a client of a stream.
type Reader struct {
	*sse.Reader
	Leave func()
	t     testing.TB
}

// Listen opens a stream at path, such as /events/news; lastEventID may be "".
func (s *Server) Listen(path, lastEventID string) *Reader {
	s.t.Helper()
	r, err := s.Open(path, lastEventID)
	if err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	return r
}

// Open is Listen where the server may be gone.
func (s *Server) Open(path, lastEventID string) (*Reader, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	leave := func() {
		cancel()
		response.Body.Close()
	}
	return &Reader{sse.NewReader(response.Body), leave, s.t}, nil
}

// Want fails the test unless the next messages have these data, and no type.
func (r *Reader) Want(data ...string) {
	r.t.Helper()
	for _, d := range data {
		if m := r.Must(); m.Data != d || m.Type != "" {
			r.t.Fatalf("got %q %q, want %q", m.Type, m.Data, d)
		}
	}
}

// Must is the next message; the test fails if none comes.
func (r *Reader) Must() sse.Message {
	r.t.Helper()
	timer := time.AfterFunc(Patience, r.Leave)
	defer timer.Stop()
	m, err := r.Next()
	if err != nil {
		r.t.Fatalf("no message: %v", err)
	}
	return m
}

// Dial opens a connection to the server, for HTTP/1, over TLS if the server speaks that.
func (s *Server) Dial() (net.Conn, error) {
	if s.Host() == "localhost" {
		return s.client.Transport.(*http.Transport).DialContext(context.Background(), "", "")
	}
	conn, err := net.Dial("tcp", s.Host())
	if err != nil || !strings.HasPrefix(s.URL, "https:") {
		return conn, err
	}
	config := s.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos, config.ServerName = nil, "127.0.0.1"
	return tls.Client(conn, config), nil
}

// Raw sends a request as it stands over a connection of its own.
func (s *Server) Raw(request string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := s.Dial()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		s.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// Before is the position just before an event.
func Before(t testing.TB, id string) string {
	t.Helper()
	parsed, err := stream.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Before().String()
}
