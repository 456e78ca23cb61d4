package loadgen

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// keep is how many bytes are kept of a line that a read splits: more than any stamp or id has. The rest is padding.
const keep = 512

// maxHead bounds a response's head, in bytes.
const maxHead = 16 << 10

// Where a parser is in the response.
const (
	inHead uint8 = iota
	inBody       // without framing: to the end of the connection
	inChunkSize
	inChunk
	inChunkEnd // the line end behind a chunk
	inTrailer
	atEnd
)

// parser reads an HTTP/1.1 response with an event stream, in arbitrary pieces. It keeps only what it needs of a split
// line, and expects lines to end in LF or CRLF, as every known server writes them.
type parser struct {
	state uint8
	left  int    // of the chunk, in bytes
	sized bool   // by Content-Length: the body is one chunk without framing
	piece []byte // of a split line of the head or of a chunk's size

	line   []byte // the split line of the stream, its first keep bytes
	id     []byte // of the block being read
	lastID []byte // what a client sends when it comes back
	retry  time.Duration
	full   bool // the server said ": full"
	rising bool // see Pool.Rising
	fell   bool // the event's id was not above the one before

	gap bool // the block being read says that events are missing

	stamp   Stamp // of the block being read
	hasData bool
	stamped bool
}

// reset prepares the parser for the client's next connection.
func (p *parser) reset() {
	p.state, p.left, p.piece, p.line = inHead, 0, p.piece[:0], p.line[:0]
	p.id, p.hasData, p.stamped, p.full = append(p.id[:0], p.lastID...), false, false, false
	p.gap = false
}

// feed parses the next bytes of the connection, and calls event for each event they complete.
func (p *parser) feed(b []byte, event func(s Stamp, stamped bool)) (err error) {
	for len(b) > 0 {
		switch p.state {
		case inBody:
			p.lines(b, event)
			return nil
		case inChunk:
			n := min(p.left, len(b))
			p.lines(b[:n], event)
			if b, p.left = b[n:], p.left-n; p.left == 0 {
				p.state = inChunkEnd
				if p.sized {
					p.state = atEnd
				}
			}
		case atEnd:
			return fmt.Errorf("%d bytes after the end of the response", len(b))
		default:
			if b, err = p.framing(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// framing consumes head, chunk sizes and trailers, and returns the rest.
func (p *parser) framing(b []byte) ([]byte, error) {
	if p.state == inHead {
		return p.head(b)
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if p.piece = append(p.piece, b...); len(p.piece) > maxHead {
			return nil, fmt.Errorf("chunk size line exceeds %d bytes", maxHead)
		}
		return nil, nil
	}
	line := b[:end]
	if len(p.piece) > 0 {
		line = append(p.piece, line...)
		p.piece = line[:0]
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch p.state {
	case inChunkSize:
		size, err := chunkSize(line)
		if err != nil {
			return nil, err
		}
		p.left, p.state = size, inChunk
		if size == 0 {
			p.state = inTrailer
		}
	case inChunkEnd:
		if p.state = inChunkSize; len(line) > 0 {
			return nil, fmt.Errorf("%q where a chunk ends", line)
		}
	case inTrailer:
		if len(line) == 0 {
			p.state = atEnd
		}
	}
	return b[end+1:], nil
}

func chunkSize(line []byte) (size int, err error) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 7 {
		return 0, fmt.Errorf("%q is no chunk size", line)
	}
	for _, c := range bytes.ToLower(digits) {
		if hexValue[c] == 0xff {
			return 0, fmt.Errorf("%q is no chunk size", line)
		}
		size = size<<4 | int(hexValue[c])
	}
	return size, nil
}

var headEnd = []byte("\r\n\r\n")

func (p *parser) head(b []byte) ([]byte, error) {
	before := len(p.piece)
	p.piece = append(p.piece, b...)
	end := bytes.Index(p.piece[max(before-3, 0):], headEnd)
	if end < 0 {
		if len(p.piece) > maxHead {
			return nil, fmt.Errorf("response head exceeds %d bytes", maxHead)
		}
		return nil, nil
	}
	end += max(before-3, 0)
	r := readHead(string(p.piece[:end]))
	rest := b[end+len(headEnd)-before:]
	p.piece = nil
	if r.Status != 200 || !strings.HasPrefix(r.ContentType, "text/event-stream") {
		r.Body = string(rest[:min(len(rest), 200)])
		return nil, r
	}
	p.state, p.sized = inBody, !r.chunked && r.length >= 0
	switch {
	case r.chunked:
		p.state = inChunkSize
	case r.length == 0:
		p.state = atEnd
	case p.sized:
		p.state, p.left = inChunk, r.length
	}
	return rest, nil
}

// ResponseError is a response that is no event stream.
type ResponseError struct {
	Status      int
	ContentType string
	Body        string // how it begins
	chunked     bool
	length      int // -1 if it is not said
}

func (e *ResponseError) Error() string {
	if e.Status != 200 {
		return fmt.Sprintf("the server answers %d, not 200: %.200q", e.Status, e.Body)
	}
	return fmt.Sprintf("the server answers with Content-Type %q, not text/event-stream: is this the URL of a stream?",
		e.ContentType)
}

func readHead(head string) *ResponseError {
	status, fields, _ := strings.Cut(head, "\r\n")
	r := &ResponseError{length: -1}
	if parts := strings.Fields(status); len(parts) > 1 && strings.HasPrefix(parts[0], "HTTP/") {
		r.Status, _ = strconv.Atoi(parts[1])
	}
	for field := range strings.SplitSeq(fields, "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		value = strings.ToLower(strings.TrimSpace(value))
		switch strings.ToLower(name) {
		case "content-type":
			r.ContentType = value
		case "content-length":
			if n, err := strconv.Atoi(value); err == nil {
				r.length = n
			}
		case "transfer-encoding":
			r.chunked = strings.HasSuffix(value, "chunked")
		}
	}
	return r
}
