package soak

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// traffic counts what is done beside the checked streams.
type traffic struct {
	returned, backups, requests, guests, made, noRoom atomic.Int64
	audits, comments, likes                           atomic.Int64
	kept                                              atomic.Int64 // bytes that the server never removes
}

// dial opens a bare connection, over TLS if the server speaks it.
func (s *site) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if s.server.kind.tls {
		return (&tls.Dialer{NetDialer: &d, Config: s.server.files.Client}).DialContext(ctx, "tcp", s.server.address)
	}
	return d.DialContext(ctx, "tcp", s.server.address)
}

// ask makes a request and reads the whole answer. Its status must be one of want.
func (s *site) ask(ctx context.Context, client *http.Client, method, path, accept, body string,
	want ...int) (status int, answer string) {
	request, err := http.NewRequestWithContext(ctx, method, s.server.url(path), strings.NewReader(body))
	if err != nil {
		s.note(ctx, err)
		return 0, ""
	}
	request.Header.Set("Accept", accept)
	response, err := client.Do(request)
	if err != nil {
		s.note(ctx, err)
		return 0, ""
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	s.note(ctx, err)
	s.requests.Add(1)
	if !slices.Contains(want, response.StatusCode) {
		s.note(ctx, fmt.Errorf("%s %s: %s: %.200s", method, path, response.Status, b))
	}
	return response.StatusCode, string(b)
}

// newTopics is how many new topics are published to in a second: more than -max-topics and -keep-age allow.
const newTopics = 20

// fresh publishes to new topics all the time.
func (s *site) fresh(ctx context.Context) {
	every(ctx, time.Second/newTopics, func(n int) {
		status, _ := s.ask(ctx, s.web, "POST", fmt.Sprintf("/events/fresh/%d", n), "*/*", "new", http.StatusCreated,
			http.StatusInsufficientStorage)
		if s.made.Add(1); status == http.StatusInsufficientStorage {
			s.noRoom.Add(1)
		}
	})
}

// reads are what read asks for in turn.
var reads = []struct {
	path, accept string
	status       int
}{
	{"/events/steady/0", "application/json", 200},
	{"/events?topic=*&last=1000", "application/json", 200},
	{"/events?topic=fresh/*&since=all&limit=1000", "application/json", 200},
	{"/events/bulk?since=10s", "application/json", 200},
	{"/api/v1/audits", "application/json", 200},
	{"/api/v1/audits?format=csv&since=10m", "*/*", 200},
	{"/api/v1/audits?format=jsonl&actor=soak&since=10m", "*/*", 200},
	{"/api/v1/comments?limit=20", "application/json", 200},
	{"/", "text/html", 200},
	{"/mini", "text/html", 200},
	{"/comments", "text/html", 200},
	{"/audits", "text/html", 200},
	{"/watch", "text/html", 200},
	{"/watch?topic=steady/0", "text/html", 200},
	{"/watch?topic=*", "text/html", 200},
	{"/status", "text/html", 200},
	{"/time", "text/html", 200},
	{"/healthz", "*/*", 200},
	{"/readyz", "*/*", 200},
	{"/nothing", "text/html", 404},
	{"/events/steady/0?since=never", "*/*", 400},
	{"/events/../a", "*/*", 400},
}

// read asks for lists, exports and pages, ten a second, each second one over a new connection.
func (s *site) read(ctx context.Context) {
	every(ctx, time.Second/10, func(n int) {
		one := reads[n%len(reads)]
		client := s.web
		if n%10 == 0 {
			client = s.server.client(false)
			defer client.CloseIdleConnections()
		}
		s.ask(ctx, client, "GET", one.path, one.accept, "", one.status)
	})
}

// write writes audit records and comments, which are kept for ever, at a low rate, and likes and unlikes the latest
// comment.
func (s *site) write(ctx context.Context) {
	var visitors []*http.Client
	for range 8 {
		jar, _ := cookiejar.New(nil) // without options it cannot fail
		visitors = append(visitors, &http.Client{Transport: s.web.Transport, Jar: jar})
	}
	id := regexp.MustCompile(`"id":"([^"]+)"`)
	comment := ""
	every(ctx, time.Second/2, func(n int) {
		if n%4 == 0 {
			body := fmt.Sprintf(`{"id":"soak-%d","actor":"soak","action":"test","target":"%d"}`, n, n%7)
			if status, answer := s.ask(ctx, s.web, "POST", "/api/v1/audits", "*/*", body, 201); status == 201 {
				s.audits.Add(1)
				s.keeps(answer)
			}
		}
		if n%20 == 0 {
			body := fmt.Sprintf(`{"nickname":"soak","content":"comment %d"}`, n)
			if status, answer := s.ask(ctx, s.web, "POST", "/api/v1/comments", "*/*", body, 201); status == 201 {
				s.comments.Add(1)
				s.keeps(answer)
				comment = id.FindStringSubmatch(answer)[1]
			}
		}
		if comment == "" {
			return
		}
		visitor := visitors[n%len(visitors)]
		for _, method := range []string{"PUT", "DELETE"} {
			s.ask(ctx, visitor, method, "/api/v1/comments/"+comment+"/like", "*/*", "", 200)
			s.likes.Add(1)
		}
	})
}

// keyBytes is about what the store needs beside a record's text: its key and its places in indexes.
const keyBytes = 80

func (s *site) keeps(answer string) { s.kept.Add(int64(len(answer)) + keyBytes) }

// misbehave has unchecked clients come and go, two a second and for up to 8 s: they vanish in the middle of a stream,
// read nothing, send half a request or none.
func (s *site) misbehave(ctx context.Context) {
	requests := []string{
		"GET /events?topic=*&since=all HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /events/steady/1?envelope=1&last=100 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /events/new HTTP/1.1\r\nHo",
		"POST /events/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf",
		"",
	}
	every(ctx, time.Second/2, func(n int) {
		conn, err := s.dial(ctx)
		if err != nil {
			s.note(ctx, fmt.Errorf("guest: %w", err))
			return
		}
		io.WriteString(conn, requests[n%len(requests)])
		if n%3 == 0 {
			bufio.NewReader(conn).Peek(1)
		}
		s.guests.Add(1)
		time.AfterFunc(time.Duration(n%8+1)*time.Second, func() {
			if tcp, ok := conn.(*net.TCPConn); ok && n%2 == 0 {
				tcp.SetLinger(0) // a reset, and no end
			}
			conn.Close()
		})
	})
}
