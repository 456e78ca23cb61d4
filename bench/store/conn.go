package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// answerTimeout is how long a request may take.
const answerTimeout = 90 * time.Second

// conn is a connection for one request after the other. It does as little as possible, since it shares the machine with
// what it measures.
type conn struct {
	net.Conn
	host    string
	request []byte
	answer  []byte
}

func dial(address string) (*conn, error) {
	c, err := net.DialTimeout("tcp", address, answerTimeout)
	return &conn{Conn: c, host: address}, err
}

// post publishes data, and returns the answer's body, which is valid until the next request.
func (c *conn) post(path string, data []byte) (body []byte, err error) {
	b := append(c.request[:0], "POST "...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.host...)
	b = append(b, "\r\nContent-Type: text/plain\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(data)), 10)
	b = append(b, "\r\n\r\n"...)
	c.request = append(b, data...)
	return c.exchange()
}

func (c *conn) get(path, accept string) (body []byte, err error) {
	b := append(c.request[:0], "GET "...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.host...)
	if accept != "" {
		b = append(append(b, "\r\nAccept: "...), accept...)
	}
	c.request = append(b, "\r\n\r\n"...)
	return c.exchange()
}

func (c *conn) exchange() (body []byte, err error) {
	c.SetDeadline(time.Now().Add(answerTimeout))
	if _, err := c.Write(c.request); err != nil {
		return nil, err
	}
	c.answer = c.answer[:0]
	for {
		if cap(c.answer)-len(c.answer) < 2<<10 {
			c.answer = append(c.answer, make([]byte, max(4<<10, len(c.answer)))...)[:len(c.answer)]
		}
		n, err := c.Read(c.answer[len(c.answer):cap(c.answer)])
		if c.answer = c.answer[:len(c.answer)+n]; err != nil {
			return nil, err
		}
		body, whole, err := parseAnswer(c.answer)
		if whole || err != nil {
			return body, err
		}
	}
}

var (
	headEnd  = []byte("\r\n\r\n")
	length   = []byte("\r\nContent-Length: ")
	lastPart = []byte("\r\n0\r\n\r\n")
)

// parseAnswer finds the body of the single answer that b begins with; a chunked body keeps its chunk sizes. Any answer
// but 2xx is an error.
func parseAnswer(b []byte) (body []byte, whole bool, err error) {
	head, body, found := bytes.Cut(b, headEnd)
	if !found {
		return nil, false, nil
	}
	if at := bytes.Index(head, length); at >= 0 {
		digits, _, _ := bytes.Cut(head[at+len(length):], headEnd[:2])
		n, err := strconv.Atoi(string(digits))
		if err != nil {
			return nil, false, err
		}
		whole = len(body) >= n
	} else {
		whole = bytes.HasSuffix(body, lastPart)
	}
	switch {
	case len(head) < len("HTTP/1.1 200"):
		return nil, false, errors.New("that is no HTTP")
	case whole && head[len("HTTP/1.1 ")] != '2':
		return nil, true, fmt.Errorf("the server answers %.200s", b)
	}
	return body, whole, nil
}

// idOf is the ID in the answer to a POST.
func idOf(body []byte) (string, error) {
	_, rest, found := bytes.Cut(body, []byte(`"id":"`))
	id, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		return "", fmt.Errorf("no id in %q", body)
	}
	return string(id), nil
}
